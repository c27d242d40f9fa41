import { randomBytes } from 'node:crypto'
import * as dagCbor from '@ipld/dag-cbor'
import * as dagPb from '@ipld/dag-pb'
import type { Block } from '@keepsake/content/block.ts'
import { cidOf, DAG_CBOR, dagPbCid, rawCid } from '@keepsake/content/hash/cid.ts'
import { packFile } from '@keepsake/content/unixfs/file.ts'
import type { CID } from 'multiformats/cid'

/** The blocks of a DAG, each once. */
export interface Dag {
  root: CID
  blocks: Block[]
  bytes: number
}

function dagOf(root: CID, all: Iterable<Block>): Dag {
  const blocks = [...new Map([...all].map((block) => [block.cid.toString(), block])).values()]
  return { root, blocks, bytes: blocks.reduce((sum, { bytes }) => sum + bytes.length, 0) }
}

/** A file of random bytes. */
export async function fileDag(sizeBytes: number): Promise<Dag> {
  const packed = packFile(
    (async function* () {
      for (let left = sizeBytes; left > 0; left -= 100_000) yield randomBytes(Math.min(left, 100_000))
    })(),
  )
  const blocks: Block[] = []
  for (;;) {
    const next = await packed.next()
    if (next.done) return dagOf(next.value.cid, blocks)
    blocks.push({ cid: next.value.cid, bytes: next.value.bytes.slice() })
  }
}

export async function parentOf(children: readonly CID[]): Promise<Block> {
  const bytes = dagPb.encode(
    dagPb.createNode(
      new Uint8Array(),
      children.map((Hash) => ({ Hash, Name: '', Tsize: 8 })),
    ),
  )
  return { cid: await dagPbCid(bytes), bytes }
}

/** Very many tiny leaves, different in each DAG, below nodes of `width` links. */
export async function tinyDag(leaves: number, width = 1000): Promise<Dag> {
  const salt = randomBytes(4).toString('hex')
  const blocks: Block[] = []
  let level: CID[] = []
  for (let n = 0; n < leaves; n++) {
    const bytes = Buffer.from(`${salt} ${n}`)
    const cid = await rawCid(bytes)
    blocks.push({ cid, bytes })
    level.push(cid)
  }
  while (level.length > 1) {
    const above: CID[] = []
    for (let at = 0; at < level.length; at += width) {
      const parent = await parentOf(level.slice(at, at + width))
      blocks.push(parent)
      above.push(parent.cid)
    }
    level = above
  }
  return dagOf(level[0] as CID, blocks)
}

/** dag-cbor nodes, each linking the next; the last one is made first. */
export async function chainDag(length: number): Promise<Dag> {
  const salt = randomBytes(4)
  const blocks: Block[] = []
  let next: CID | null = null
  for (let n = length; n > 0; n--) {
    const bytes: Uint8Array = dagCbor.encode({ n, salt, next })
    next = await cidOf(DAG_CBOR, bytes)
    blocks.push({ cid: next, bytes })
  }
  return dagOf(next as CID, blocks)
}

/** Levels of two links to the same node each: `2 ** depth` paths over `depth + 1` blocks. */
export async function diamondDag(depth: number): Promise<Dag> {
  const end = randomBytes(8)
  let below: Block = { cid: await rawCid(end), bytes: end }
  const blocks = [below]
  for (let level = 0; level < depth; level++) {
    below = await parentOf([below.cid, below.cid])
    blocks.push(below)
  }
  return dagOf(below.cid, blocks)
}
