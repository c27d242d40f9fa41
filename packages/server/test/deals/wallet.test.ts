import { randomBytes } from 'node:crypto'
import { formatAddress, parseAddress } from '@keepsake/filecoin/address.ts'
import { verifySignature } from '@keepsake/filecoin/signature.ts'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openWallet, type Wallet } from '../../src/deals/wallet/wallet.ts'
import { KeepsakeError } from '../../src/errors.ts'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'

// Published as an example by other programs.
const exported =
  '7b2254797065223a22626c73222c22507269766174654b6579223a226b434b523969566b73615a6672746b513979356e3269615862317279766d314d37637357456352313142673d227d'
const itsAddress = 'f3vtr3myof7qghg3eq75qfagbfemrhycsqypmz2t6pfwwq5m3w73wlthhbtlrnjpyjxnhwz5pxboonb3bliv6q'

let test: TestDatabase
let wallet: Wallet
const walletSecret = randomBytes(32)
beforeAll(async () => {
  test = await createTestDatabase()
})
afterAll(() => test?.drop())
beforeEach(async () => {
  await test.database.kysely.deleteFrom('wallet_key').execute()
  wallet = openWallet({ database: test.database, walletSecret })
})

async function rowsText(): Promise<string> {
  const rows = await test.database.kysely.selectFrom('wallet_key').selectAll().execute()
  return rows.map(({ sealed }) => Buffer.from(sealed).toString('hex')).join()
}

const listed = async () => (await wallet.list()).map(({ address, isDefault }) => [formatAddress(address), isDefault] as const)

describe('the wallet', () => {
  it('makes a key when one is first needed, one only, and signs with that from then on', async () => {
    const signers = await Promise.all(Array.from({ length: 5 }, () => wallet.defaultSigner()))
    const [first] = signers.map(({ address }) => formatAddress(address))
    expect((await wallet.list()).filter(({ isDefault }) => isDefault)).toHaveLength(1)
    expect(new Set(signers.map(({ address }) => formatAddress(address)))).toEqual(new Set([first]))
    const message = randomBytes(100)
    const again = await openWallet({ database: test.database, walletSecret }).defaultSigner()
    expect(verifySignature(again.sign(message), parseAddress(first!), message)).toBe(true)
  })

  it.each(['secp256k1', 'bls'] as const)('gives a %s key back as it was, and the signer of it', async (kind) => {
    const address = await wallet.create(kind)
    const text = await wallet.exportKey(address)
    await test.database.kysely.deleteFrom('wallet_key').execute()
    expect(formatAddress(await wallet.importKey(text))).toBe(formatAddress(address))
    const message = randomBytes(50)
    expect(verifySignature((await wallet.defaultSigner()).sign(message), address, message)).toBe(true)
  })

  it('takes a key that Lotus exported', async () => {
    expect(formatAddress(await wallet.importKey(`${exported}\n`))).toBe(itsAddress)
    expect(await wallet.exportKey(parseAddress(itsAddress))).toBe(exported)
    // Once more changes nothing.
    await wallet.importKey(exported)
    expect(await listed()).toEqual([[itsAddress, true]])
  })

  it('keeps nothing of a key in clear', async () => {
    await wallet.importKey(exported)
    const key = Buffer.from(JSON.parse(Buffer.from(exported, 'hex').toString()).PrivateKey, 'base64')
    const text = await rowsText()
    expect(text).not.toContain(key.toString('hex'))
    expect(text).not.toContain(Buffer.from(key.toReversed()).toString('hex'))
    expect(text.length).toBe(2 * (12 + 16 + 32))
  })

  it('signs with another key once that is the default', async () => {
    const first = formatAddress(await wallet.create('secp256k1'))
    const second = formatAddress(await wallet.create('secp256k1'))
    expect(Object.fromEntries(await listed())).toEqual({ [first]: true, [second]: false })
    await wallet.makeDefault(parseAddress(second))
    expect(formatAddress((await wallet.defaultSigner()).address)).toBe(second)
    expect(Object.fromEntries(await listed())).toEqual({ [first]: false, [second]: true })
  })
})

describe('the wallet refuses', () => {
  const codeOf = async (promise: Promise<unknown>) => {
    const error = await promise.then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(KeepsakeError)
    return (error as KeepsakeError).code
  }

  it('what is no key, and an address it has none of', async () => {
    expect(await codeOf(wallet.importKey('hello'))).toBe('BAD_REQUEST')
    expect(await codeOf(wallet.exportKey(parseAddress(itsAddress)))).toBe('NOT_FOUND')
    expect(await codeOf(wallet.makeDefault(parseAddress(itsAddress)))).toBe('NOT_FOUND')
  })

  it('to open its keys with another secret', async () => {
    await wallet.create('secp256k1')
    const other = openWallet({ database: test.database, walletSecret: randomBytes(32) })
    expect(await codeOf(other.defaultSigner())).toBe('ERROR_UNAVAILABLE')
  })

  it('a key that was put under another address, or changed in the database', async () => {
    const one = await wallet.create('secp256k1')
    const other = await wallet.create('secp256k1')
    const rows = await test.database.kysely.selectFrom('wallet_key').selectAll().execute()
    const sealedOf = (at: number) => ({ sealed: rows[at]!.sealed })
    for (const at of [0, 1]) {
      const { address } = rows[at]!
      await test.database.kysely
        .updateTable('wallet_key')
        .set(sealedOf(1 - at))
        .where('address', '=', address)
        .execute()
    }
    expect(await codeOf(wallet.exportKey(one))).toBe('ERROR_UNAVAILABLE')
    expect(await codeOf(wallet.exportKey(other))).toBe('ERROR_UNAVAILABLE')
    const changed = Buffer.from(rows[0]!.sealed)
    changed[40]! ^= 1
    const { address } = rows[0]!
    await test.database.kysely.updateTable('wallet_key').set({ sealed: changed }).where('address', '=', address).execute()
    expect(await codeOf(wallet.defaultSigner())).toBe('ERROR_UNAVAILABLE')
  })
})
