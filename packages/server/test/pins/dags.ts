import * as dagPb from '@ipld/dag-pb'
import type { Block, BlockSource } from '@keepsake/content/block.ts'
import { dagCar } from '@keepsake/content/car/dag-stream.ts'
import { ContentError } from '@keepsake/content/errors.ts'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { sha256 } from 'multiformats/hashes/sha2'
import type { Dag } from '../../src/pins/backend.ts'

/** A DAG of a root and `leaves` raw blocks below it, different for every `seed`, that needs no server. */
export async function memoryDag(seed: string, leaves = 3): Promise<Dag> {
  const blocks = new Map<string, Uint8Array>()
  const put = async (code: number, bytes: Uint8Array) => {
    const cid = CID.createV1(code, await sha256.digest(bytes))
    blocks.set(cid.toString(), bytes)
    return cid
  }
  const links: CID[] = []
  for (let index = 0; index < leaves; index++) links.push(await put(raw.code, Buffer.from(`${seed} ${index}`)))
  const node = dagPb.prepare({ Data: new Uint8Array([8, 1]), Links: links.map((Hash) => ({ Hash, Name: '', Tsize: 10 })) })
  const root = await put(dagPb.code, dagPb.encode(node))
  const get = async (cid: CID) => {
    const bytes = blocks.get(cid.toString())
    if (!bytes) throw new ContentError('BLOCK_NOT_FOUND', `Block ${cid} is not here.`)
    return bytes
  }
  const source: BlockSource = {
    get,
    async *getMany(cids): AsyncGenerator<Block> {
      for (const cid of cids) yield { cid, bytes: await get(cid) }
    },
  }
  return { root, name: root.toString(), car: (options) => dagCar(source, root, options) }
}

/** A root nobody has. */
export async function unknownRoot(seed: string): Promise<CID> {
  return CID.createV1(raw.code, await sha256.digest(Buffer.from(`nobody has this ${seed}`)))
}
