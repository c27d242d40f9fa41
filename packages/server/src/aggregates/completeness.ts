import { multihashSet } from '@keepsake/content/aggregate/multihash-set.ts'
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
  const present = multihashSet()
  const missing = new Set<string>()
  return {
    add(cid, bytes) {
      if (!present.add(cid.multihash.bytes)) throw new ContentError('INVALID_CAR', `Block ${cid} is there twice.`)
      missing.delete(digestKey(cid.multihash.bytes))
      const links = outwardLinks(cid, bytes)
      if (links === undefined) throw new ContentError('UNSUPPORTED_CODEC', `The links of ${cid} cannot be read.`)
      for (const link of links) {
        if (!present.has(link.multihash.bytes)) missing.add(digestKey(link.multihash.bytes))
      }
    },
    has: (cid) => present.has(cid.multihash.bytes),
    missing,
  }
}
