import type { AddressInfo } from 'node:net'
import { proofSchemaPath } from '@keepsake/api/proof.ts'
import { replyError } from '@keepsake/server/http/reply-error.ts'
import { proofRoutes } from '@keepsake/server/proofs/routes.ts'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fastify, { type FastifyInstance } from 'fastify'
import { base16, base16upper } from 'multiformats/bases/base16'
import { base32upper } from 'multiformats/bases/base32'
import { base36 } from 'multiformats/bases/base36'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Keeper } from '../aggregates/keeper.ts'
import { carOf, openKeeper, packAll } from '../aggregates/keeper.ts'
import { bytesOf, fileBlocks } from '../aggregates/keeper-bytes.ts'
import { sendRaw } from '../setup/send-raw.ts'

let keeper: Keeper
let app: FastifyInstance
let root: CID
let inner: CID
beforeAll(async () => {
  keeper = await openKeeper()
  const { root: cid, blocks } = await fileBlocks(bytesOf('over http', 600_000))
  await keeper.storeCar(carOf(cid, blocks))
  await packAll(keeper)
  root = cid
  inner = blocks.find((block) => !block.cid.equals(cid))!.cid
  app = fastify({ exposeHeadRoutes: false, logger: false })
  app.setErrorHandler(replyError)
  const config = { AGGREGATE_PROFILE: 'trial' as const, FILECOIN_RPC: 'off' as const }
  await app.register(proofRoutes({ ...keeper, config }), { prefix: '/api' })
  await app.listen({ port: 0, host: '127.0.0.1' })
})
afterAll(async () => {
  await app?.close()
  await keeper?.close()
})

const get = (path: string, headers: Record<string, string> = {}) =>
  sendRaw((app.server.address() as AddressInfo).port, `/api${path}`, headers, 'GET')

it('is found by the CID in any spelling', async () => {
  const text = (await get(`/proof/${root}`)).body.toString()
  const spellings = [base16, base16upper, base32upper, base36, base58btc].map((base) => root.toString(base.encoder))
  for (const spelling of [root.toV0().toString(), ...spellings]) {
    const { status, body } = await get(`/proof/${spelling}`)
    expect({ spelling, status }).toEqual({ spelling, status: 200 })
    expect(body.toString()).toBe(text)
  }
  for (const nonsense of ['nonsense', 'b', '%00', `b${'a'.repeat(3000)}`]) {
    const { status, body } = await get(`/proof/${nonsense}`)
    // Longer than any path may be, where it is not even looked at.
    expect(nonsense.length > 1000 ? [400, 404, 414] : [400]).toContain(status)
    if (status === 400) expect(JSON.parse(body.toString()).error.code).toBe('ERROR_INVALID_CID')
  }
})

it('is asked for again only where it changed, and is never taken from a cache unasked', async () => {
  const { headers } = await get(`/proof/${root}`)
  expect(headers['cache-control']).toBe('no-cache')
  const again = await get(`/proof/${root}`, { 'if-none-match': headers.etag as string })
  expect([again.status, again.body.length]).toEqual([304, 0])
  expect((await get(`/proof/${root}`, { 'if-none-match': '"another"' })).status).toBe(200)
  const absent = await get('/proof/bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku')
  expect([absent.status, absent.headers['cache-control']]).toEqual([404, 'no-cache'])
})

it('says why there is none of a block inside, and of an identity CID', async () => {
  const messageOf = async (cid: CID) => JSON.parse((await get(`/proof/${cid}`)).body.toString()).error.message
  expect(await messageOf(inner)).toContain('is stored here as a part of something else only')
  expect(await messageOf(CID.createV1(0x55, identity.digest(Buffer.from('hi'))))).toContain('there is nothing to prove')
})

describe('the published schema', () => {
  /** Where something else stands in the document, and what; undefined for a key that is left out. */
  const changes: Record<string, [path: string, value: unknown]> = {
    'no checksum': ['checksum', undefined],
    'a short checksum': ['checksum', 'AAAA'],
    'a checksum that is no base64': ['checksum', '*'.repeat(44)],
    'base64 spelled otherwise': ['checksum', `${'A'.repeat(42)}B=`],
    'another version': ['version', 2],
    'a key more': ['more', 1],
    'no CID': ['root', 'nonsense'],
    'an empty CID': ['root', ''],
    'a CID of version 0': ['root', 'QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n'],
    'a size below nothing': ['dag.bytes', -1],
    'a size nobody can count': ['dag.bytes', 2 ** 60],
    'no place': ['places', []],
    'a piece that is none': ['places.0.piece.cid', 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku'],
    'a piece of version 2 for version 1': ['places.0.piece.cidV1', `bafkzcib${'a'.repeat(56)}`],
    'another layout': ['places.0.aggregate.layout', 'unixfs-2022'],
    'an empty path': ['places.0.aggregate.path', ''],
    'a selector that is none': ['places.0.aggregate.selector', 'Links/x/Hash'],
    'half a node': ['places.0.runs.0.path.0', 'A'.repeat(22)],
    'more than a quad beside': ['places.0.runs.0.before', Buffer.alloc(129).toString('base64')],
    'a run without a proof': ['places.0.runs.0.path', undefined],
    'a run about no block': ['places.0.runs.0.blocks', []],
    'a shard that is a number': ['shard', 5],
  }
  const change = (document: object, path: string, value: unknown) => {
    const keys = path.split('.')
    const last = keys.pop() as string
    const holder = keys.reduce((at, key) => at[key] as Record<string, unknown>, document as Record<string, unknown>)
    if (value === undefined) delete holder[last]
    else holder[last] = value
  }

  it('is one that a strict validator takes, accepts what is made here, and stays the same', async () => {
    const { headers, body } = await get(proofSchemaPath)
    expect(headers['cache-control']).toContain('max-age=')
    const schema = JSON.parse(body.toString())
    expect(schema).toMatchObject({ $schema: 'https://json-schema.org/draft/2020-12/schema', title: 'Proof' })
    const matches = new Ajv2020({ strict: true }).compile(schema)
    expect(matches(JSON.parse((await get(`/proof/${root}`)).body.toString())), JSON.stringify(matches.errors)).toBe(true)
  })

  it.each(Object.keys(changes))('refuses a document with %s', async (name) => {
    const matches = new Ajv2020({ strict: true }).compile(JSON.parse((await get(proofSchemaPath)).body.toString()))
    const proof = JSON.parse((await get(`/proof/${root}`)).body.toString())
    change(proof, ...changes[name]!)
    expect(matches(proof)).toBe(false)
  })
})
