import { base64pad } from 'multiformats/bases/base64'

export function toBase64(bytes: Uint8Array): string {
  return base64pad.baseEncode(bytes)
}

/** Undefined for text that is not how these bytes are written: one spelling each, so that no change of a letter goes unseen. */
export function fromBase64(text: string): Uint8Array | undefined {
  try {
    const bytes = base64pad.baseDecode(text)
    return toBase64(bytes) === text ? bytes : undefined
  } catch {
    return undefined
  }
}
