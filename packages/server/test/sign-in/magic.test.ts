import { privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Site } from './site.ts'
import { startSite } from './site.ts'

const key = privateKeyToAccount(`0x${'55'.repeat(32)}`)
const other = privateKeyToAccount(`0x${'66'.repeat(32)}`)
const clientId = 'keepsake-client'

let site: Site
beforeAll(async () => {
  site = await startSite({ MAGIC_CLIENT_ID: clientId })
})
afterAll(() => site[Symbol.asyncDispose]())
beforeEach(() => site.service.database.pool.query('delete from attempt'))

const now = () => Math.floor(Date.now() / 1000)
const claimOf = (over: Record<string, unknown> = {}) => ({
  iat: now(),
  ext: now() + 900,
  iss: `did:ethr:${key.address}`,
  sub: 'magic-user',
  aud: clientId,
  nbf: now(),
  tid: crypto.randomUUID(),
  add: '0x00',
  ...over,
})

async function tokenOf(claim: unknown, signer = key): Promise<string> {
  const text = JSON.stringify(claim)
  return Buffer.from(JSON.stringify([await signer.signMessage({ message: text }), text])).toString('base64')
}

const signIn = (token: unknown) => site.browser().post('/account/sign-in/magic', { token })

describe('a DID token of Magic', () => {
  it('signs in, always to the same account', async () => {
    const browser = site.browser()
    expect((await browser.post('/account/sign-in/magic', { token: await tokenOf(claimOf()) })).json.value).toEqual({
      isNew: true,
      next: '/',
    })
    expect((await browser.get('/account/me')).json.value.waysIn).toMatchObject([{ kind: 'magic' }])
    // The issuer in another case is the same issuer.
    expect((await signIn(await tokenOf(claimOf({ iss: `did:ethr:${key.address.toLowerCase()}` })))).json.value.isNew).toBe(false)
  })

  it('counts once', async () => {
    const token = await tokenOf(claimOf())
    const answers = await Promise.all([signIn(token), signIn(token), signIn(`${token}\n`)])
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401])
  })

  const wrong: [string, () => Promise<unknown>][] = [
    ['for another application', () => tokenOf(claimOf({ aud: 'somebody-else' }))],
    ['over', () => tokenOf(claimOf({ ext: now() - 1 }))],
    ['not valid yet', () => tokenOf(claimOf({ nbf: now() + 600 }))],
    ['valid for ever', () => tokenOf(claimOf({ ext: now() + 10 * 365 * 86_400 }))],
    ['signed by somebody else than it names', () => tokenOf(claimOf(), other)],
    ['of an issuer that is no did:ethr', () => tokenOf(claimOf({ iss: 'did:key:z6Mk' }))],
    ['without a subject', () => tokenOf(claimOf({ sub: undefined }))],
    ['with times that are texts', () => tokenOf(claimOf({ ext: String(now() + 900) }))],
    ['no claim', () => tokenOf(null)],
    ['a number', () => tokenOf(7)],
    ['no pair', async () => Buffer.from('{"a":1}').toString('base64')],
    ['not base64 of JSON', async () => 'bm9uc2Vuc2U'],
    ['empty', async () => ''],
  ]
  it.each(wrong)('is refused when it is %s', async (_name, make) => {
    const answer = await signIn(await make())
    expect([answer.status, answer.json.error.code]).toEqual([401, 'ERROR_INVALID_DID_TOKEN'])
  })

  it('is refused when its claim was changed after it was signed', async () => {
    const [proof, text] = JSON.parse(Buffer.from(await tokenOf(claimOf()), 'base64').toString()) as [string, string]
    const altered = Buffer.from(JSON.stringify([proof, text.replace('magic-user', 'magic-usex')])).toString('base64')
    expect((await signIn(altered)).json.error.code).toBe('ERROR_INVALID_DID_TOKEN')
  })

  it('is refused where Magic is not set up', async () => {
    await using plain = await startSite()
    const answer = await plain.browser().post('/account/sign-in/magic', { token: await tokenOf(claimOf()) })
    expect([answer.status, answer.json.error.code]).toEqual([403, 'ERROR_WAY_OFF'])
  })
})
