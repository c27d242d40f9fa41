import type { CID } from 'multiformats/cid'
import { type GetBlock, requireBlock } from '../blocks.ts'
import { decodeAll, readList } from '../cbor/reader.ts'

/** Names of actors up to v7 stand in an identity CID: `fil/6/storagemarket`. */
const namedCode = /^fil\/\d+\/([a-z]+)$/

/** The name of an actor's code where its CID itself says it. */
export function nameInCode(code: CID): string | undefined {
  if (code.multihash.code !== 0) return undefined
  return namedCode.exec(new TextDecoder().decode(code.multihash.digest))?.[1]
}

/**
 * Names of actors' code since v8, by CID text: what the manifest says that the state of the system actor, f00, links to.
 *
 * @throws ChainFormatError `BLOCK_NOT_FOUND`, `INVALID_CBOR`
 */
export async function loadCodeNames(get: GetBlock, systemHead: CID): Promise<Map<string, string>> {
  const manifest = decodeAll(requireBlock(systemHead, await get(systemHead)), (reader) => {
    reader.readTuple(1, 'The state of the system actor')
    return reader.readCid()
  })
  const entries = decodeAll(requireBlock(manifest, await get(manifest)), (reader) =>
    readList(reader, (item) => {
      item.readTuple(2, 'An entry of the manifest')
      const name = new TextDecoder().decode(item.readText())
      return [item.readCid().toString(), name] as const
    }),
  )
  return new Map(entries)
}
