import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import { challengeMs, createChallenge, takeChallenge } from './sign-in/challenges.ts'
import type { Identity } from './sign-in/store.ts'
import { readWalletMessage, writeWalletMessage } from './wallet-message.ts'
import { checksumAddress, recoverSigner } from './wallet-signature.ts'

interface Site {
  /** Where the website is open, without a slash at the end. */
  origin: string
  browser: Uint8Array | undefined
  /** The account the wallet is to be linked to; null for signing in. */
  userId: number | null
}

/** Clocks differ by this much. */
const clockSkewMs = 60_000

/** Makes the text that a wallet has to sign. (ERC-4361.) */
export async function askWallet(
  database: Db,
  { origin, browser, userId }: Site & { browser: Uint8Array },
  { address, chainId }: { address: string; chainId: number },
) {
  const domain = new URL(origin).host
  const data = { address: address.toLowerCase(), chainId }
  const nonce = (await createChallenge(database, { kind: 'wallet', browser, userId }, data)).toString('hex')
  const issuedAt = new Date()
  const expirationTime = new Date(issuedAt.getTime() + challengeMs)
  const statement = userId === null ? 'Sign in to Keepsake.' : 'Use this wallet to sign in to your Keepsake account.'
  const fields = { domain, address: checksumAddress(address), statement, uri: origin, chainId, nonce, issuedAt, expirationTime }
  return { message: writeWalletMessage(fields), nonce, expires: expirationTime }
}

/**
 * Who signed: checks that the message is for this website, now, asked for here by this browser, and was not used before; then the signature.
 *
 * @throws KeepsakeError `ERROR_INVALID_SIGNATURE`, `ERROR_CHALLENGE`
 */
export async function proveWallet(
  database: Db,
  site: Site,
  { message, signature }: { message: string; signature: string },
): Promise<Identity> {
  const fields = readWalletMessage(message)
  if (!fields) throw refuse('The text is no ERC-4361 message.')
  const { domain, uri, address, chainId, nonce, issuedAt, expirationTime, notBefore } = fields
  const now = Date.now()
  const host = new URL(site.origin).host
  if (domain.toLowerCase() !== host) throw refuse(`The message is for ${domain.slice(0, 100)}, and this is ${host}.`)
  if (URL.parse(uri)?.origin !== site.origin)
    throw refuse(`The message names the URI ${uri.slice(0, 100)}, and this is ${site.origin}.`)
  if (expirationTime && expirationTime.getTime() <= now) throw refuse('The message has expired.')
  if (issuedAt.getTime() > now + clockSkewMs || (notBefore && notBefore.getTime() > now + clockSkewMs))
    throw refuse('The message is not valid yet.')
  const { browser, userId } = site
  const asked = await takeChallenge(database, Buffer.from(nonce, 'hex'), { kind: 'wallet', browser, userId })
  if (asked.chainId !== chainId) throw refuse(`The message is for chain ${chainId}, and chain ${asked.chainId} was asked for.`)
  if (asked.address !== address.toLowerCase()) throw refuse('The message is for another address than was asked for.')
  if (recoverSigner(message, signature) !== asked.address) {
    throw refuse(`${address} did not sign this. If it is a contract (EIP-1271): such wallets cannot sign in here.`)
  }
  return { kind: 'wallet', subject: asked.address as string, label: checksumAddress(address) }
}

function refuse(message: string): KeepsakeError {
  return new KeepsakeError('ERROR_INVALID_SIGNATURE', message)
}
