import { rawCid } from '@keepsake/content/hash/cid.ts'
import { sql } from 'kysely'
import type { CID } from 'multiformats/cid'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { car, cbor } from '../../../../test/setup/cars.ts'
import { completeDag, walkPresent } from '../../src/blocks/complete-dag.ts'
import { dagCheck } from '../../src/blocks/dag-check.ts'
import type { TestServer } from '../accounts/server.ts'
import { startServer } from '../accounts/server.ts'

let server: TestServer
let key: string
beforeAll(async () => {
  server = await startServer()
  ;({ key } = await server.createUser('a@example.com'))
})
afterAll(() => server?.[Symbol.asyncDispose]())

interface Block {
  cid: CID
  bytes: Uint8Array
}

const leafOf = async (text: string): Promise<Block> => ({ cid: await rawCid(Buffer.from(text)), bytes: Buffer.from(text) })

/** A root over nodes that link `width` leaves each. */
async function treeOf(name: string, nodes: number, width: number) {
  const leaves: Block[] = []
  const inner: Block[] = []
  for (let at = 0; at < nodes; at++) {
    const own = await Promise.all(Array.from({ length: width }, (_, n) => leafOf(`${name} ${at} ${n}`)))
    leaves.push(...own)
    inner.push(await cbor(own.map(({ cid }) => cid)))
  }
  return { root: await cbor(inner.map(({ cid }) => cid)), inner, leaves }
}

async function upload(root: CID, blocks: Block[]) {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/vnd.ipld.car' }
  return (await server.call('/upload', { method: 'POST', headers, body: car([root], blocks) })).json.value
}
const pinOf = async (root: CID) => (await server.call(`/${root}`, { headers: { authorization: `Bearer ${key}` } })).json.value.pin
const contentOf = async (root: CID) =>
  (await sql<{ id: number }>`select id from content where cid = ${root.bytes}`.execute(server.service.database.kysely)).rows[0]!
    .id

describe('a walk over what is here', () => {
  it('remembers so many missing blocks and no more, and says so', async () => {
    const { root, inner } = await treeOf('wide', 4, 1500)
    await upload(root.cid, [root, ...inner])
    const all = await walkPresent(server.service, [root.cid], new Set())
    expect([all.missing.length, all.obstacle]).toEqual([6000, null])
    const cut = await walkPresent(server.service, [root.cid], new Set(), { maxMissing: 2000 })
    expect(cut.obstacle).toBe('More than 2000 blocks are missing.')
    // It ends with the batch it was in.
    expect(cut.missing.length).toBeLessThanOrEqual(3000)
  })

  it('that met an obstacle is made again from the root: it may have left something out', async () => {
    const { root, inner, leaves } = await treeOf('narrow', 2, 5)
    await upload(root.cid, [root, ...inner])
    const contentId = await contentOf(root.cid)
    await completeDag(server.service, { contentId })
    expect((await pinOf(root.cid)).missing).toMatchObject({ blocks: 10 })
    // As a walk leaves it that was broken off.
    const { kysely } = server.service.database
    await sql`update content set obstacle = 'More than 3 blocks are missing.' where id = ${contentId}`.execute(kysely)
    await sql`delete from missing_block where content_id = ${contentId} and cid <> ${leaves[0]!.cid.bytes}`.execute(kysely)
    await upload(root.cid, [root, leaves[0]!])
    await completeDag(server.service, { contentId })
    expect(await pinOf(root.cid)).toMatchObject({ status: 'pinning', missing: { blocks: 9 } })
    expect((await pinOf(root.cid)).missing).not.toHaveProperty('reason')
    await upload(root.cid, [root, ...leaves])
    await completeDag(server.service, { contentId })
    expect((await pinOf(root.cid)).status).toBe('pinned')
  })
})

describe('the check of a DAG that goes by', () => {
  it('waits for so many blocks and no more: then it does not know, and a walk decides', async () => {
    const { root, inner, leaves } = await treeOf('by', 3, 10)
    const complete = (maxWanted: number) => {
      const check = dagCheck({ maxWanted })
      for (const { cid, bytes } of [root, ...inner, ...leaves]) expect(check.add(cid, bytes)).toBe(true)
      return check.complete
    }
    expect([complete(1000), complete(20)]).toEqual([true, false])
  })
})
