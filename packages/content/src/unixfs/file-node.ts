import { varint } from 'multiformats'

/** Protobuf tags of UnixFS `Data`: `Type`, then `filesize`, then each of `blocksizes`; all of them varints. */
const tags = { type: 0x08, fileSize: 0x18, blockSize: 0x20 }
const typeFile = 2

/**
 * UnixFS `Data` of an inner node of a file, whose children hold so many bytes of it each. (UnixFS specification, "Data Format".)
 *
 * Not `UnixFS.marshal`: protons-runtime 7.1.2 under it writes a number from 2^31 to 2^32 - 1 as one byte and leaves what lay in memory behind it, so a
 * file of 2 to 4 GiB got a CID by chance, and a node that nobody can read.
 */
export function fileNodeData(blockSizes: readonly number[]): Uint8Array {
  const fileSize = blockSizes.reduce((sum, bytes) => sum + bytes, 0)
  const fields: [tag: number, value: number][] = [
    [tags.type, typeFile],
    [tags.fileSize, fileSize],
  ]
  for (const bytes of blockSizes) fields.push([tags.blockSize, bytes])
  const data = new Uint8Array(fields.reduce((sum, [, value]) => sum + 1 + varint.encodingLength(value), 0))
  let at = 0
  for (const [tag, value] of fields) {
    data[at] = tag
    varint.encodeTo(value, data, at + 1)
    at += 1 + varint.encodingLength(value)
  }
  return data
}
