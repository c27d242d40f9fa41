import type { KeyObject } from 'node:crypto'
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { once } from 'node:events'
import type { Server } from 'node:http'
import { createServer, request } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { SignJWT } from 'jose'
import { base58btc } from 'multiformats/bases/base58'
import type { CID } from 'multiformats/cid'
import { Blob, File, NFTStorage } from 'nft.storage'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { carOf } from './car.ts'
import type { Answer, TestServer } from './server.ts'
import { startServer } from './server.ts'

/** What is used here of the client. */
interface MetaplexClient {
  storeBlob(blob: Blob): Promise<string>
  storeDirectory(files: File[]): Promise<string>
  storeCar(cid: CID, car: unknown): Promise<string>
}
interface ClientModule {
  NFTStorageMetaplexor: {
    withSecretKey(
      key: Uint8Array,
      options: { solanaCluster: string; mintingAgent: string; agentVersion?: string; endpoint: URL },
    ): MetaplexClient
  }
}
// Its builds for Node.js no longer run: one lacks a package, the other brings a fetch that Node.js 18 was the last to support.
// The build for browsers is the same code on the platform's own fetch.
const main = createRequire(import.meta.url).resolve('@nftstorage/metaplex-auth')
const { NFTStorageMetaplexor } = (await import(join(dirname(main), 'index.browser.js'))) as ClientModule

interface Signer {
  privateKey: KeyObject
  /** Seed and public key one after the other, as Solana keeps them. */
  secretKey: Uint8Array
  did: string
}

function newSigner(): Signer {
  const { privateKey } = generateKeyPairSync('ed25519')
  const { d, x } = privateKey.export({ format: 'jwk' })
  const publicKey = Buffer.from(x as string, 'base64url')
  return {
    privateKey,
    secretKey: Buffer.concat([Buffer.from(d as string, 'base64url'), publicKey]),
    did: `did:key:${base58btc.encode(Buffer.concat([Buffer.from([0xed, 0x01]), publicKey]))}`,
  }
}

const agent = { solanaCluster: 'devnet', mintingAgent: 'keepsake/test', agentVersion: '1.0.0' }
let server: TestServer
let signer: Signer

/**
 * The client sends to `/metaplex/upload/` at the root of its origin, where the API is on hosts called `api.…`. No such name needs to
 * resolve here: this stands where a reverse proxy for `api.example.com` stands.
 */
function apiHostProxy(port: number): Server {
  return createServer((incoming, answer) => {
    const { url, method, headers } = incoming
    const onward = request(
      { port, host: '127.0.0.1', path: url, method, headers: { ...headers, host: 'api.example.com' } },
      (reply) => {
        answer.writeHead(reply.statusCode as number, reply.headers)
        reply.pipe(answer)
      },
    )
    incoming.pipe(onward)
  })
}

let proxy: Server
const clientOf = (signer: Signer) => {
  const { port } = proxy.address() as AddressInfo
  return NFTStorageMetaplexor.withSecretKey(signer.secretKey, { ...agent, endpoint: new URL(`http://localhost:${port}`) })
}

const uploadsOf = async (cid: string) =>
  await server.service.database.kysely
    .selectFrom('upload')
    .innerJoin('user', 'user.id', 'upload.user_id')
    .select(['user.subject', 'upload.meta', 'upload.scope', 'upload.type'])
    .where('source_cid', '=', cid)
    .execute()

const claims = (rootCID: string, tags: unknown = { chain: 'solana', solanaCluster: 'devnet' }) => ({
  iss: signer.did,
  req: { put: { rootCID, tags } },
})

const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url')

/** A token as the client's SPEC.md describes it, made without the client. */
function tokenOf(payload: unknown, header: unknown = { alg: 'EdDSA', typ: 'JWT' }, key = signer.privateKey): string {
  const text = `${encode(header)}.${encode(payload)}`
  return `${text}.${sign(null, Buffer.from(text), key).toString('base64url')}`
}

const send = async (token: string | undefined, car: Uint8Array, contentType = 'application/car'): Promise<Answer> =>
  await server.call('/metaplex/upload', {
    method: 'POST',
    headers: { 'content-type': contentType, ...(token !== undefined && { 'x-web3auth': token }) },
    body: car as Uint8Array<ArrayBuffer>,
  })

beforeAll(async () => {
  server = await startServer()
  proxy = apiHostProxy(server.port).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  signer = newSigner()
})
afterAll(async () => {
  proxy?.close()
  await server?.[Symbol.asyncDispose]()
})

describe('uploads signed with a Solana key', () => {
  it('stores what the published client sends, for the one service account, with what the token says', async () => {
    const cid = await clientOf(signer).storeBlob(new Blob(['minted on Solana']))
    expect(await uploadsOf(cid)).toEqual([
      { subject: 'keepsake:service:metaplex', scope: 'metaplex', type: 'Car', meta: { iss: signer.did, rootCID: cid, ...agent } },
    ])
    expect((await server.call(`/check/${cid}`)).json.value.pin.status).toBe('pinned')
  })

  it('stores a directory of the published client', async () => {
    const files = [new File(['{}'], '0.json'), new File(['image'], '0.png')]
    const cid = await clientOf(signer).storeDirectory(files)
    expect((await server.call(`/check/${cid}`)).json.value.pin.status).toBe('pinned')
  })

  it('stores a CAR that the published client sends in chunks of 10 MB under one token', async () => {
    const bytes = randomBytes(25 * 1024 * 1024)
    const { cid, car } = await NFTStorage.encodeBlob(new Blob([bytes]))
    expect(await clientOf(newSigner()).storeCar(cid, car)).toBe(cid.toString())
    const [upload] = await server.service.database.kysely
      .selectFrom('upload')
      .select('parts')
      .where('source_cid', '=', cid.toString())
      .execute()
    expect(upload?.parts.length).toBeGreaterThan(2)
  })

  it('answers like an upload, whatever media type the CAR is sent with', async () => {
    const { cid, car } = await carOf('sent by hand')
    const { status, json } = await send(`Metaplex ${tokenOf(claims(cid))}`, car, 'application/octet-stream')
    expect(status).toBe(200)
    expect(json.value).toMatchObject({ cid, type: 'application/car', files: [], scope: 'metaplex' })
  })

  it('accepts a token as of before mid-2022, with a hyphen in its tag and no agent', async () => {
    const { cid, car } = await carOf('an old token')
    const token = tokenOf(claims(cid, { chain: 'solana', 'solana-cluster': 'testnet' }))
    expect((await send(`Metaplex ${token}`, car)).status).toBe(200)
    const meta = { iss: signer.did, rootCID: cid, solanaCluster: 'testnet', mintingAgent: 'unknown' }
    expect(await uploadsOf(cid)).toMatchObject([{ meta }])
  })

  it('accepts the token made by the original service for its own tests', async () => {
    // Fixture `metaplexAuth.v0` of nft.storage's API tests: its CAR holds one raw block, "hello world car".
    const token =
      'eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJkaWQ6a2V5Ono2TWtoNzROR0JTcVFHcWVLYTJ3VnVKeVJKMVpKd1BuZ0hQZzlWNkRZMnFuVm5BNSIsInJlcSI6eyJwdXQiOnsicm9vdENJRCI6ImJhZmtyZWlmZXFqb3J3eW1kbWg3N2FyczZ0YnJ0bm83NGdudHNkY3ZxdmN5Y3VjaWRlYmlyaTJlN3F5IiwidGFncyI6eyJjaGFpbiI6InNvbGFuYSIsInNvbGFuYS1jbHVzdGVyIjoiZGV2bmV0In19fX0.V84TeeEbxHa78di8VONueLjPwk_VpFeWvPs70gIvNmedsUnsfG9DPRSi2FLv3wo3vc1PdjdGnvj0ql9dY6hHCA'
    const { cid, car } = await carOf('hello world car')
    const { status, json } = await send(`Metaplex ${token}`, car)
    expect(json).toMatchObject({ ok: true, value: { cid } })
    expect(status).toBe(200)
  })
})

describe('tokens that are refused', () => {
  const text = 'must not be stored'
  let cid: string
  let car: Uint8Array
  beforeAll(async () => {
    ;({ cid, car } = await carOf(text))
  })

  it.each([
    ['no header', undefined],
    ['another scheme', 'Bearer abc'],
    ['a scheme without a token', 'Metaplex '],
  ])('asks for a token where there is %s', async (_what, header) => {
    const { status, json } = await send(header, car)
    expect(status).toBe(401)
    expect(json.error.code).toBe('ERROR_METAPLEX_TOKEN_NOT_FOUND')
  })

  const bad: [string, RegExp, () => string | Promise<string>][] = [
    ['garbage', /not a signed JWT/, () => 'garbage'],
    ['three parts of garbage', /not a signed JWT/, () => 'a.b.c'],
    ['a payload that is no object', /not a signed JWT/, () => tokenOf('text')],
    ['no issuer', /"iss" not present/, () => tokenOf({ req: claims(cid).req })],
    ['an issuer that is no DID', /did:key/, () => tokenOf({ ...claims(cid), iss: 'somebody' })],
    ['an issuer that is a number', /./, () => tokenOf({ ...claims(cid), iss: 7 })],
    [
      'the signature of another key',
      /signature verification failed/,
      () => tokenOf(claims(cid), undefined, newSigner().privateKey),
    ],
    ['no algorithm', /./, () => `${encode({ alg: 'none', typ: 'JWT' })}.${encode(claims(cid))}.`],
    ['no algorithm but a signature', /"alg"/, () => tokenOf(claims(cid), { alg: 'none', typ: 'JWT' })],
    [
      'a shared secret for a signature',
      /./,
      () => new SignJWT(claims(cid)).setProtectedHeader({ alg: 'HS256', typ: 'JWT' }).sign(new TextEncoder().encode(signer.did)),
    ],
    ['another type', /"typ"/, () => tokenOf(claims(cid), { alg: 'EdDSA', typ: 'secevent' })],
    ['an expiry that is over', /"exp"/, () => tokenOf({ ...claims(cid), exp: Math.floor(Date.now() / 1000) - 60 })],
    ['no request', /"req" not present/, () => tokenOf({ iss: signer.did })],
    ['no put', /"req.put" not present/, () => tokenOf({ iss: signer.did, req: {} })],
    ['no root', /root CID not present/, () => tokenOf({ iss: signer.did, req: { put: { tags: { solanaCluster: 'devnet' } } } })],
    ['a root that is no CID', /is not a CID/, () => tokenOf(claims('bafy'))],
    ['no tags', /"req.put.tags" not present/, () => tokenOf({ iss: signer.did, req: { put: { rootCID: cid } } })],
    ['no cluster', /"solanaCluster" tag not present/, () => tokenOf(claims(cid, {}))],
    ['a cluster that is no text', /must have a string value/, () => tokenOf(claims(cid, { solanaCluster: 1 }))],
    [
      'an agent that is no text',
      /must have a string value/,
      () => tokenOf(claims(cid, { solanaCluster: 'devnet', mintingAgent: {} })),
    ],
    ['the root of other content', /CID in token does not match content/, async () => tokenOf(claims((await carOf('other')).cid))],
  ]
  it.each(bad)('refuses a token with %s and stores nothing', async (_what, reason, make) => {
    const { status, json } = await send(`Metaplex ${await make()}`, car)
    expect(status).toBe(401)
    expect(json.error.code).toBe('ERROR_INVALID_METAPLEX_TOKEN')
    expect(json.error.message).toMatch(/^Invalid metaplex token: /)
    expect(json.error.message).toMatch(reason)
    expect((await server.call(`/check/${cid}`)).status).toBe(404)
  })

  it('refuses a body that is no CAR, though the token is good', async () => {
    const { status, json } = await send(`Metaplex ${tokenOf(claims(cid))}`, Buffer.from(text))
    expect(status).toBe(400)
    expect(json.error.code).toBe('ERROR_INVALID_CAR')
  })
})

describe('the switch METAPLEX_UPLOADS', () => {
  it.each([
    [{ METAPLEX_UPLOADS: 'off' }, 403],
    [{ HOST: '0.0.0.0' }, 403],
    [{ HOST: '0.0.0.0', METAPLEX_UPLOADS: 'on' }, 200],
    [{ HOST: '127.0.0.2' }, 200],
  ])('with %o an upload is answered %i', async (env, expected) => {
    await using other = await startServer(env)
    const { cid, car } = await carOf('switched')
    const { status, json } = await other.call('/metaplex/upload', {
      method: 'POST',
      headers: { 'x-web3auth': `Metaplex ${tokenOf(claims(cid))}`, 'content-type': 'application/car' },
      body: car as Uint8Array<ArrayBuffer>,
    })
    expect(status).toBe(expected)
    if (expected === 403)
      expect(json.error).toEqual({ code: 'ERROR_METAPLEX_UPLOADS_OFF', message: expect.stringContaining('METAPLEX_UPLOADS=on') })
  })
})
