import { base32upper } from 'multiformats/bases/base32'
import { sha256 } from 'multiformats/hashes/sha2'
import { Blob, NFTStorage } from 'nft.storage'
import { KeyPair } from 'ucan-storage/keypair'
import { build, validate } from 'ucan-storage/ucan-storage'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startServer, type TestServer } from './server.ts'

let server: TestServer
let key: string
let userId: number
let serviceDid: string
let owner: KeyPair
let rootUcan: string

const post = (path: string, token: string, body?: unknown, headers: Record<string, string> = {}) =>
  server.call(path, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })

const upload = (token: string, agentDid: string | undefined, content = 'made under a UCAN') =>
  post('/upload', token, content, agentDid === undefined ? {} : { 'x-agent-did': agentDid })

const storage = (...dids: KeyPair[]) => `storage://${dids.map((pair) => pair.did()).join('/')}`

/** A request token as the UCAN.Storage guide makes it. */
async function requestToken(issuer: KeyPair, proof: string, more: Partial<Parameters<typeof build>[0]> = {}) {
  const { payload } = await validate(proof)
  const capabilities = payload.att as { with: string; can: string }[]
  return await build({ issuer, audience: serviceDid, capabilities, proofs: [proof], lifetimeInSeconds: 600, ...more })
}

beforeAll(async () => {
  server = await startServer()
  const made = await server.createUser('market@example.com')
  key = made.key
  userId = made.user.userId
  serviceDid = (await server.call('/did')).json.value
  owner = await KeyPair.create()
})
afterAll(() => server?.[Symbol.asyncDispose]())

describe('DIDs and root tokens', () => {
  it('names the service by a did:key that stays the same', async () => {
    const { status, json } = await server.call('/did/')
    expect(status).toBe(200)
    expect(json).toEqual({ ok: true, value: serviceDid })
    expect(serviceDid).toMatch(/^did:key:z6Mk[1-9A-HJ-NP-Za-km-z]{44}$/)
  })

  it('gives no root token before a DID is registered', async () => {
    const { status, json } = await post('/ucan/token', key)
    expect(status).toBe(400)
    expect(json.error).toEqual({ code: 'ERROR_DID_NOT_FOUND', message: 'User does not have a DID registered.' })
  })

  it.each([
    ['nothing', undefined],
    ['another property', { name: 'x' }],
    ['an empty DID', { did: '' }],
    ['a number', { did: 7 }],
    ['another method', { did: 'did:web:example.com' }],
    ['an X25519 key', { did: 'did:key:z6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc' }],
    ['a DID cut short', { did: 'did:key:z6MkvxqUDNrq2QJhsMozHJnxPDHmv6KYpU9FmKKzWvxbUew' }],
    ['a long text', { did: `did:key:z6Mk${'1'.repeat(100_000)}` }],
  ])('answers 400 for %s in place of a DID', async (_what, body) => {
    expect((await post('/user/did', key, body)).status).toBe(400)
  })

  it('registers a DID and issues a root token for it', async () => {
    const { status, json } = await post('/user/did', key, { did: owner.did() })
    expect(status).toBe(200)
    expect(json).toEqual({ ok: true, value: owner.did() })

    const answer = await post('/ucan/token', key)
    expect(answer.status).toBe(200)
    rootUcan = answer.json.value
    const { payload } = await validate(rootUcan)
    expect(payload).toMatchObject({
      iss: serviceDid,
      aud: owner.did(),
      att: [{ with: storage(owner), can: 'upload/*' }],
      prf: [],
    })
    expect(payload.exp - Date.now() / 1000).toBeCloseTo(14 * 24 * 3600, -2)
  })

  it('refuses a DID that another user registered', async () => {
    const other = await server.createUser('other@example.com')
    expect((await post('/user/did', other.key, { did: owner.did() })).status).toBe(409)
  })

  it('lets only a key with all rights register a DID', async () => {
    const other = await server.createUser('narrow@example.com', 'upload')
    const { status, json } = await post('/user/did', other.key, { did: (await KeyPair.create()).did() })
    expect(status).toBe(403)
    expect(json.error.code).toBe('ERROR_TOKEN_SCOPE')
  })

  it('renews the root token for a request token of the same DID, and for nobody else', async () => {
    const own = await requestToken(owner, rootUcan)
    const { status, json } = await post('/ucan/token', own, undefined, { 'x-agent-did': owner.did() })
    expect(status).toBe(200)
    expect((await validate(json.value)).payload).toMatchObject({ iss: serviceDid, aud: owner.did() })

    const guest = await KeyPair.create()
    const delegated = await build({
      issuer: owner,
      audience: guest.did(),
      capabilities: [{ with: storage(owner), can: 'upload/*' }],
      proofs: [rootUcan],
    })
    const refused = await post('/ucan/token', await requestToken(guest, delegated), undefined, { 'x-agent-did': guest.did() })
    expect(refused.status).toBe(401)
    expect(refused.json.error.message).toBe('Invalid UCAN: Issuer does not match this user in service.')
  })
})

describe('uploads under a UCAN', () => {
  it('stores for the owner of the root token what the published client sends with a delegated one', async () => {
    const guest = await KeyPair.create()
    const delegated = await build({
      issuer: owner,
      audience: guest.did(),
      capabilities: [{ with: storage(owner, guest), can: 'upload/*' }],
      proofs: [rootUcan],
    })
    const token = await requestToken(guest, delegated)
    const client = new NFTStorage({ endpoint: new URL(`${server.api}/`), token, did: guest.did() })
    const cid = await client.storeBlob(new Blob(['a picture']))

    const { status, json } = await server.call(`/${cid}`, { headers: { authorization: `Bearer ${key}` } })
    expect(status).toBe(200)
    expect(json.value).toMatchObject({ cid, scope: 'session', pin: { status: 'pinned' } })
    const row = await server.service.database.kysely
      .selectFrom('upload')
      .select(['user_id', 'key_id', 'meta'])
      .where('source_cid', '=', cid)
      .executeTakeFirstOrThrow()
    expect(row).toMatchObject({
      user_id: userId,
      key_id: null,
      meta: {
        ucan: {
          issuer: guest.did(),
          root: { issuer: serviceDid, audience: owner.did() },
          capability: { with: storage(owner, guest), can: 'upload/*' },
        },
      },
    })
    expect(JSON.stringify(row.meta)).not.toContain(token.split('.')[2])
  })

  it('accepts the lesser capability of the original example', async () => {
    const token = await requestToken(owner, rootUcan, { capabilities: [{ with: storage(owner), can: 'upload/IMPORT' }] })
    expect((await upload(token, owner.did())).status).toBe(200)
  })

  it.each([
    ['without x-agent-did', () => undefined],
    ['with an x-agent-did that is no DID', () => 'somebody'],
    ['with the DID of somebody else', async () => (await KeyPair.create()).did()],
  ])('refuses a UCAN %s', async (_what, agent) => {
    const { status, json } = await upload(await requestToken(owner, rootUcan), await agent())
    expect(status).toBe(401)
    expect(json.error.code).toBe('ERROR_AGENT_DID_REQUIRED')
  })

  const refused: [string, RegExp, () => Promise<string>][] = [
    ['for another audience', /Audience/, async () => requestToken(owner, rootUcan, { audience: owner.did() })],
    ['that has expired', /Expired/, async () => requestToken(owner, rootUcan, { expiration: Math.floor(Date.now() / 1000) - 5 })],
    ['that is not valid yet', /too early/, async () => requestToken(owner, rootUcan, { notBefore: Date.now() / 1000 + 60 })],
    ['without a proof', /Root issuer/, async () => requestToken(owner, rootUcan, { proofs: [] })],
    [
      'whose proof was issued to somebody else',
      /doesn't match issuer/,
      async () => {
        const others = await build({
          issuer: await KeyPair.create(),
          audience: (await KeyPair.create()).did(),
          capabilities: [{ with: storage(owner), can: 'upload/*' }],
        })
        return requestToken(owner, others)
      },
    ],
    [
      'whose root somebody else issued',
      /Root issuer/,
      async () => {
        const false_ = await build({
          issuer: await KeyPair.create(),
          audience: owner.did(),
          capabilities: [{ with: storage(owner), can: 'upload/*' }],
        })
        return requestToken(owner, false_)
      },
    ],
    [
      'that claims more than its proof grants',
      /None of its capabilities/,
      async () => requestToken(owner, rootUcan, { capabilities: [{ with: 'storage://did:key:somebody', can: 'upload/*' }] }),
    ],
    ['that grants nothing', /None of its capabilities/, async () => requestToken(owner, rootUcan, { capabilities: [] })],
    [
      'with a changed signature',
      /Signature invalid|signature of the chain cannot be read/,
      async () => {
        const [header, payload, signature] = (await requestToken(owner, rootUcan)).split('.')
        return `${header}.${payload}.${signature?.startsWith('A') ? 'B' : 'A'}${signature?.slice(1)}`
      },
    ],
    [
      'with a changed payload',
      /Signature invalid/,
      async () => {
        const [header, payload, signature] = (await requestToken(owner, rootUcan)).split('.')
        const changed = { ...JSON.parse(Buffer.from(payload as string, 'base64url').toString()), exp: 9_999_999_999 }
        return `${header}.${Buffer.from(JSON.stringify(changed)).toString('base64url')}.${signature}`
      },
    ],
    [
      'whose payload is no JSON',
      /cannot be decoded/,
      async () => `${(await requestToken(owner, rootUcan)).split('.')[0]}.AAAA.AAAA`,
    ],
    [
      'with more proofs than can be checked',
      /more than 16 tokens/,
      async () => requestToken(owner, rootUcan, { proofs: Array(20).fill(rootUcan) }),
    ],
    [
      'with more capabilities than can be checked',
      /over 16/,
      async () => requestToken(owner, rootUcan, { capabilities: Array(17).fill({ with: storage(owner), can: 'upload/*' }) }),
    ],
  ]
  it.each(refused)('refuses a UCAN %s, saying why and nothing of the token', async (_what, reason, make) => {
    const token = await make()
    const { status, json } = await upload(token, owner.did())
    expect(status).toBe(401)
    expect(json.error.code).toBe('ERROR_INVALID_UCAN')
    expect(json.error.message).toMatch(/^Invalid UCAN: /)
    expect(json.error.message).toMatch(reason)
    expect(json.error.message).not.toContain(token.slice(0, 50))
  })

  it('takes a proof that names a multihash for that content only', async () => {
    const guest = await KeyPair.create()
    // sha2-256 of "exactly this" in upper-case base32, as the specification writes it
    const mh = base32upper.encode((await sha256.digest(new TextEncoder().encode('exactly this'))).bytes).slice(1)
    const delegated = await build({
      issuer: owner,
      audience: guest.did(),
      capabilities: [{ with: storage(owner), can: 'upload/IMPORT', mh }],
      proofs: [rootUcan],
    })
    const token = await requestToken(guest, delegated, { capabilities: [{ with: storage(owner), can: 'upload/IMPORT' }] })
    expect((await upload(token, guest.did(), 'exactly this')).status).toBe(200)
    const other = await upload(token, guest.did(), 'something else')
    expect(other.status).toBe(401)
    expect(other.json.error.message).toMatch(/^Invalid UCAN: It is for content with another multihash/)
  })

  it.each([
    ['GET', '/'],
    ['GET', '/bafkreidvbhs33ighmljlvr7zbv2ywwzcmp5adtf4kqvlly67cy56bdtmve'],
    ['DELETE', '/bafkreidvbhs33ighmljlvr7zbv2ywwzcmp5adtf4kqvlly67cy56bdtmve'],
    ['GET', '/internal/tokens'],
    ['POST', '/store'],
    ['POST', '/user/did'],
  ])('does not take a UCAN for %s %s', async (method, path) => {
    const headers = { authorization: `Bearer ${await requestToken(owner, rootUcan)}`, 'x-agent-did': owner.did() }
    const { status, json } = await server.call(path, { method, headers })
    expect(status).toBe(401)
    expect(json.error.code).toBe('ERROR_MALFORMED_TOKEN')
  })

  it('refuses the UCANs of an account that may not upload', async () => {
    const { user, key } = await server.createUser('restricted@example.com')
    const pair = await KeyPair.create()
    await post('/user/did', key, { did: pair.did() })
    const token = await requestToken(pair, (await post('/ucan/token', key)).json.value)
    const setRestricted = (uploads_restricted: boolean) =>
      server.service.database.kysely.updateTable('user').set({ uploads_restricted }).where('id', '=', user.userId).execute()
    await setRestricted(true)
    const { status, json } = await upload(token, pair.did())
    expect(status).toBe(403)
    expect(json.error.code).toBe('ERROR_ACCOUNT_RESTRICTED')
    await setRestricted(false)
    expect((await upload(token, pair.did())).status).toBe(200)
  })

  it('forgets the UCANs of a DID once its user registers another', async () => {
    const { key } = await server.createUser('moving@example.com')
    const [former, next] = [await KeyPair.create(), await KeyPair.create()]
    await post('/user/did', key, { did: former.did() })
    const token = await requestToken(former, (await post('/ucan/token', key)).json.value)
    expect((await upload(token, former.did())).status).toBe(200)
    await post('/user/did', key, { did: next.did() })
    const { status, json } = await upload(token, former.did())
    expect(status).toBe(401)
    expect(json.error.message).toMatch(/^Invalid UCAN: No user has registered/)
  })
})

describe('user tags', () => {
  it('answers the five tags of an nft.storage account', async () => {
    const { status, json } = await server.call('/user/tags', { headers: { authorization: `Bearer ${key}` } })
    expect(status).toBe(200)
    expect(json).toEqual({
      ok: true,
      value: {
        HasAccountRestriction: false,
        HasPsaAccess: true,
        HasDeleteRestriction: false,
        HasSuperHotAccess: false,
        StorageLimitBytes: '',
      },
    })
  })
})
