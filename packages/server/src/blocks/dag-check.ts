import { identityBytes, isIdentity } from '@keepsake/content/dag/identity.ts'
import { linksOf } from '@keepsake/content/dag/links.ts'
import { RAW } from '@keepsake/content/hash/cid.ts'
import type { CID } from 'multiformats/cid'
import { digestKey } from './shard-writer.ts'

/** Blocks that are waited for, at most: where more are linked before they come, a walk decides. */
const usualMaxWanted = 1_000_000
/** Identity CIDs carry their block inside; nesting them deeper than this is an attack, not data. */
const maxIdentityLinks = 10_000

/**
 * What tells the blocks of a DAG apart, as a map key: their bytes, and how they are read unless raw. The same bytes may be linked as raw ones,
 * which lead nowhere, and as a node whose links are still to be followed.
 */
export function blockKey(cid: CID): string {
  const bytes = digestKey(cid.multihash.bytes)
  return cid.code === RAW ? bytes : bytes + cid.code
}

/**
 * Follows which blocks a DAG still needs while its blocks go by in any order.
 *
 * `complete` is a sufficient condition: every block seen has all its links seen. It may say no for a DAG that is complete
 * because a stray block, not reachable from the root, links elsewhere; then a walk from the root decides.
 */
export function dagCheck({ maxWanted = usualMaxWanted }: { maxWanted?: number } = {}) {
  /** Blocks, and their bytes, which are all that a link to raw ones needs. */
  const present = new Set<string>()
  const wanted = new Set<string>()
  let opaque = false
  let isTooMuch = false
  const enter = (key: string) => {
    present.add(key)
    wanted.delete(key)
  }
  return {
    /** False where the bytes were there before. */
    add(cid: CID, bytes: Uint8Array): boolean {
      const bytesKey = digestKey(cid.multihash.bytes)
      const isNew = !present.has(bytesKey)
      const key = blockKey(cid)
      if (present.has(key)) return isNew
      enter(bytesKey)
      enter(key)
      const links = outwardLinks(cid, bytes)
      if (links === undefined) opaque = true
      for (const link of isTooMuch ? [] : (links ?? [])) {
        const linkKey = blockKey(link)
        if (!present.has(linkKey)) wanted.add(linkKey)
      }
      if (wanted.size > maxWanted) {
        isTooMuch = true
        wanted.clear()
      }
      return isNew
    },
    get complete(): boolean {
      return wanted.size === 0 && !opaque && !isTooMuch
    },
  }
}

/**
 * The links of a block that lead to other blocks: identity CIDs are replaced by the links inside them.
 * Undefined for a codec whose links cannot be read.
 *
 * The CIDs are views of `bytes`.
 * @throws ContentError `INVALID_BLOCK` for bytes that are not what the CID says, `LIMIT_EXCEEDED` for too long an identity CID.
 */
export function outwardLinks(cid: CID, bytes: Uint8Array): CID[] | undefined {
  const links = linksOf(cid, bytes)
  if (!links?.some(isIdentity)) return links
  const outward: CID[] = []
  const open = [...links]
  for (let seen = 0; open.length > 0; ) {
    const link = open.pop() as CID
    if (!isIdentity(link)) {
      outward.push(link)
      continue
    }
    if (++seen > maxIdentityLinks) return undefined
    const inner = linksOf(link, identityBytes(link))
    if (inner === undefined) return undefined
    open.push(...inner)
  }
  return outward
}
