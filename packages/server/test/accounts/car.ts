import { encodeCarHeader, encodeSectionPrefix } from '@keepsake/content/car/encode.ts'
import { CID } from 'multiformats/cid'
import { Blob, NFTStorage } from 'nft.storage'

/** What the published client would send for a file with this text. */
export async function carOf(text: string): Promise<{ cid: string; car: Uint8Array }> {
  const { cid, car } = await NFTStorage.encodeBlob(new Blob([text]))
  const chunks = [encodeCarHeader([CID.parse(cid.toString())])]
  for await (const block of car.blocks())
    chunks.push(encodeSectionPrefix(CID.decode(block.cid.bytes), block.bytes.length), block.bytes)
  return { cid: cid.toString(), car: Buffer.concat(chunks) }
}
