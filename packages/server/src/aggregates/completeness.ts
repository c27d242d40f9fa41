import { ContentError } from '@keepsake/content/errors.ts'
import type { CID } from 'multiformats/cid'
import { outwardLinks } from '../blocks/dag-check.ts'
import { digestKey } from '../blocks/shard-writer.ts'

/** Which blocks have come by, and which of those they link to have not. */
export interface Completeness {
  add(cid: CID, bytes: Uint8Array): void
  has(cid: CID): boolean
  /** Multihashes, as map keys. */
  readonly missing: ReadonlySet<string>
}

/** Follows whether all that is linked is there, while blocks go by in any order. */
export function completeness(): Completeness {
  const present = new Set<string>()
  const missing = new Set<string>()
  return {
    add(cid, bytes) {
      const name = digestKey(cid.multihash.bytes)
      if (present.has(name)) throw new ContentError('INVALID_CAR', `Block ${cid} is there twice.`)
      present.add(name)
      missing.delete(name)
      const links = outwardLinks(cid, bytes)
      if (links === undefined) throw new ContentError('UNSUPPORTED_CODEC', `The links of ${cid} cannot be read.`)
      for (const link of links) {
        const linkName = digestKey(link.multihash.bytes)
        if (!present.has(linkName)) missing.add(linkName)
      }
    },
    has: (cid) => present.has(digestKey(cid.multihash.bytes)),
    missing,
  }
}
