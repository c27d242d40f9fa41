import type { PackRequest, TokenPart } from '../upload/pack/pack-request.ts'

export interface Trait {
  /** For React; not part of the token. */
  key: number
  type: string
  value: string
}

/** A token as it is being written. */
export interface TokenDraft {
  name: string
  description: string
  externalUrl: string
  image: File | undefined
  animation: File | undefined
  traits: readonly Trait[]
}

export const emptyToken: TokenDraft = {
  name: '',
  description: '',
  externalUrl: '',
  image: undefined,
  animation: undefined,
  traits: [],
}

/** What is wrong with a trait; a trait without anything in it is left out instead. */
export function traitProblem({ type, value }: Trait): string | undefined {
  if (!type.trim() === !value.trim()) return undefined
  return type.trim() ? 'A trait needs a value.' : 'Say what this is the value of.'
}

/**
 * Metadata as ERC-721 and ERC-1155 have it, with `attributes` as marketplaces read them. Links to files come last, as
 * the published client puts them, so that the CID is the one it would give.
 */
export function tokenRequest(draft: TokenDraft): PackRequest {
  const traits = draft.traits.filter(({ type, value }) => type.trim() && value.trim())
  const meta = {
    name: draft.name.trim(),
    description: draft.description.trim(),
    ...(draft.externalUrl.trim() && { external_url: draft.externalUrl.trim() }),
    ...(traits.length > 0 && {
      attributes: traits.map(({ type, value }) => ({ trait_type: type.trim(), value: numberOr(value.trim()) })),
    }),
  }
  const files: TokenPart[] = []
  if (draft.image) files.push({ place: ['image'], file: draft.image })
  if (draft.animation) files.push({ place: ['animation_url'], file: draft.animation })
  return { kind: 'token', meta, files }
}

/** Numbers are shown as such; what another spelling would change (`007`) stays text. */
function numberOr(text: string): string | number {
  const number = Number(text)
  return Number.isFinite(number) && String(number) === text ? number : text
}
