import { describe, expect, it } from 'vitest'
import { call, eventually, expectFailure, fresh, type Nft, shared, upload, valueIn } from '../setup/api.ts'
import { type Block, car, cbor, directory, raw } from '../setup/cars.ts'

const { url, apiUrl, key, otherKey } = shared()

const send = async (root: Block, blocks: Block[], secret = key) =>
  valueIn(await upload(apiUrl, secret, car([root.cid], blocks), 'application/car'))
const status = async (cid: unknown, secret = key) => valueIn(await call(apiUrl, 'GET', `/${cid}`, { key: secret }))
const pinned = (cid: unknown, secret = key) =>
  eventually(async () => {
    const nft = await status(cid, secret)
    return nft.pin.status === 'pinned' ? nft : undefined
  })

/** Three sub-directories of two files each below a root. */
async function tree(): Promise<{ root: Block; branches: { node: Block; leaves: Block[] }[]; size: number }> {
  const branches = await Promise.all(
    Array.from({ length: 3 }, async () => {
      const leaves = [await raw(fresh(100)), await raw(fresh(100))]
      const node = await directory(leaves.map(({ cid }, n) => ({ name: `f${n}`, cid, sizeBytes: 100 })))
      return { node, leaves }
    }),
  )
  const sizes = branches.map(({ node }) => node.bytes.length + 200)
  const root = await directory(branches.map(({ node }, n) => ({ name: `d${n}`, cid: node.cid, sizeBytes: sizes[n]! })))
  return { root, branches, size: root.bytes.length + sizes.reduce((a, b) => a + b, 0) }
}

describe('a DAG that comes in several CARs', () => {
  it('is pinning until its last block came, and has its full size from the first', async () => {
    const { root, branches, size } = await tree()
    const answers: Nft[] = []
    for (const { node, leaves } of branches) answers.push(await send(root, [root, node, ...leaves]))
    for (const nft of answers) expect(nft).toMatchObject({ cid: String(root.cid), size, pin: { size } })
    expect(answers[0]!.pin.status).toBe('pinning')
    expect(answers.map(({ parts }) => parts.length)).toEqual([1, 2, 3])
    expect((await pinned(root.cid)).parts).toEqual(answers[2]!.parts)
    for (const d of [0, 1, 2]) expect((await fetch(`${url}/ipfs/${root.cid}/d${d}/f1`)).status).toBe(200)
  })

  it('may come in any order', async () => {
    const { root, branches } = await tree()
    for (const { node, leaves } of branches.toReversed()) await send(root, [root, node, ...leaves.toReversed()])
    await pinned(root.cid)
  })

  it('may come all at once', async () => {
    const { root, branches } = await tree()
    await Promise.all(branches.map(({ node, leaves }) => send(root, [root, node, ...leaves])))
    const nft = await pinned(root.cid)
    expect(new Set(nft.parts).size).toBe(3)
  })

  it('may have the parents of a block in another chunk than the block', async () => {
    const { root, branches } = await tree()
    const leaves = branches.flatMap((branch) => branch.leaves)
    await send(root, [root, ...leaves])
    const nft = await send(root, [root, ...branches.map(({ node }) => node)])
    expect(nft.parts).toHaveLength(2)
    await pinned(root.cid)
  })

  it('is answered with what is missing while blocks are', async () => {
    const { root, branches } = await tree()
    await send(root, [root, branches[0]!.node, ...branches[0]!.leaves])
    const nft = await eventually(async () => {
      const now = await status(root.cid)
      return now.pin.missing && now.pin.missing.blocks > 0 ? now : undefined
    })
    expect(nft.pin).toMatchObject({ status: 'pinning', missing: { blocks: 2 } })
    expect(nft.pin.missing!.cids.toSorted()).toEqual(
      branches
        .slice(1)
        .map(({ node }) => String(node.cid))
        .toSorted(),
    )
  })

  it('is pinned when the complete CAR follows a lone chunk', async () => {
    const { root, branches } = await tree()
    expect((await send(root, [root, branches[0]!.node, ...branches[0]!.leaves])).pin.status).toBe('pinning')
    expect((await send(root, [root, ...branches.flatMap(({ node, leaves }) => [node, ...leaves])])).pin.status).toBe('pinned')
  })

  it('stays pinned when a chunk comes again', async () => {
    const { root, branches } = await tree()
    const all = await send(root, [root, ...branches.flatMap(({ node, leaves }) => [node, ...leaves])])
    const again = await send(root, [root, branches[0]!.node, ...branches[0]!.leaves])
    expect(again.pin.status).toBe('pinned')
    expect(again.parts).toEqual([...all.parts, expect.any(String)])
  })

  it('names a chunk once when it comes twice', async () => {
    const { root, branches } = await tree()
    const chunk = [root, branches[0]!.node, ...branches[0]!.leaves]
    const once = await send(root, chunk)
    expect((await send(root, chunk)).parts).toEqual(once.parts)
  })

  it('works for a dag-cbor root', async () => {
    const leaves = [await raw(fresh()), await raw(fresh())]
    const root = await cbor({ leaves: leaves.map(({ cid }) => cid) })
    expect((await send(root, [root, leaves[0]!])).pin.status).toBe('pinning')
    await send(root, [root, leaves[1]!])
    await pinned(root.cid)
  })

  it('misses what a node leads to whose bytes it also links as raw ones, until that comes too', async () => {
    const leaf = await raw(fresh())
    const node = await cbor({ leaf: leaf.cid })
    const asRaw = await raw(node.bytes)
    const root = await cbor({ asRaw: asRaw.cid, node: node.cid })
    expect((await send(root, [root, asRaw])).pin.status).toBe('pinning')
    const missing = await eventually(async () => (await status(root.cid)).pin.missing?.cids)
    expect(missing).toEqual([String(leaf.cid)])
    await send(root, [root, leaf])
    await pinned(root.cid)
  })

  it('may be completed by blocks that came with other roots', async () => {
    const { root, branches } = await tree()
    await send(branches[1]!.node, [branches[1]!.node, ...branches[1]!.leaves])
    await send(branches[2]!.node, [branches[2]!.node, ...branches[2]!.leaves])
    await send(root, [root, branches[0]!.node, ...branches[0]!.leaves])
    await pinned(root.cid)
  })

  it('may be completed by two users together, and is the upload of both', async ({ skip }) => {
    if (!otherKey) return skip('one user only: set KEEPSAKE_KEY_2')
    const { root, branches } = await tree()
    await send(root, [root, branches[0]!.node, ...branches[0]!.leaves])
    await send(root, [root, ...branches.slice(1).flatMap(({ node, leaves }) => [node, ...leaves])], otherKey)
    await pinned(root.cid)
    await pinned(root.cid, otherKey)
  })

  it('is refused chunk by chunk: one bad chunk harms no other', async () => {
    const { root, branches } = await tree()
    await send(root, [root, branches[0]!.node, ...branches[0]!.leaves])
    const bad = { cid: branches[1]!.leaves[0]!.cid, bytes: fresh(100) }
    expectFailure(
      await upload(apiUrl, key, car([root.cid], [root, branches[1]!.node, bad]), 'application/car'),
      400,
      'ERROR_INVALID_CAR',
      /CID hash does not match bytes/,
    )
    const nft = await status(root.cid)
    expect(nft.parts).toHaveLength(1)
    for (const { node, leaves } of branches.slice(1)) await send(root, [root, node, ...leaves])
    await pinned(root.cid)
  })
})
