import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server'
import {
  generateAuthenticationOptions,
  generateRegistrationOptions,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import type { PasskeyRow } from './passkey-store.ts'
import { findPasskey, insertPasskey, listPasskeys, renamePasskeyRow, usePasskey } from './passkey-store.ts'
import { sha256 } from './session-cookie.ts'
import { createChallenge, takeChallenge } from './sign-in/challenges.ts'

interface Site {
  /** Where the website is open. Its host name is what passkeys are bound to. */
  origin: string
  browser: Uint8Array | undefined
}

/** The account a passkey is for. */
interface Owner {
  userId: number
  subject: string
  label: string
}

/** More than anybody has; each is offered to the authenticator when another one is added. */
const maxPasskeys = 50

/** What authenticators sign with today: EdDSA, ES256, RS256. (IANA, COSE Algorithms.) */
const algorithms = [-8, -7, -257]

function relyingParty(origin: string): string {
  const { hostname } = new URL(origin)
  if (/^[\d.]+$|^\[/.test(hostname))
    throw new KeepsakeError(
      'ERROR_WAY_OFF',
      `Passkeys are bound to a name, and ${hostname} is an address. Open this website by its name.`,
    )
  return hostname
}

const base64url = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
/** The library wants arrays that own their memory. */
const owned = (bytes: Uint8Array) => Uint8Array.from(bytes)

/** Options for `navigator.credentials.create`. */
export async function askNewPasskey(
  database: Db,
  { origin, browser }: Site & { browser: Uint8Array },
  { userId, subject, label }: Owner,
) {
  const known = await listPasskeys(database, userId)
  if (known.length >= maxPasskeys)
    throw new KeepsakeError('CONFLICT', `An account can have ${maxPasskeys} passkeys; remove one first.`)
  const challenge = await createChallenge(database, { kind: 'passkey-registration', browser, userId })
  return await generateRegistrationOptions({
    rpName: 'Keepsake',
    rpID: relyingParty(origin),
    userName: label,
    userDisplayName: label,
    userID: owned(sha256(`passkey owner ${subject}`)),
    challenge: owned(challenge),
    attestationType: 'none',
    excludeCredentials: known.map(({ credentialId, transports }) => ({ id: base64url(credentialId), transports })),
    supportedAlgorithmIDs: algorithms,
    // Found without being told who it is, and enough alone: so it asks for a finger, a face or a PIN.
    authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
  })
}

/** @throws KeepsakeError `ERROR_INVALID_PASSKEY`, `ERROR_CHALLENGE`, `ERROR_LINKED_ELSEWHERE` */
export async function addPasskey(
  database: Db,
  { origin, browser }: Site,
  userId: number,
  { credential, name }: { credential: RegistrationResponseJSON; name: string | undefined },
): Promise<number> {
  const expectedChallenge = await takeAnswered(database, credential, { kind: 'passkey-registration', browser, userId })
  const { registrationInfo } = await verifyRegistrationResponse({
    response: credential,
    expectedChallenge,
    expectedOrigin: origin,
    expectedRPID: relyingParty(origin),
    requireUserVerification: true,
    supportedAlgorithmIDs: algorithms,
  }).catch(refuse)
  if (!registrationInfo) throw refuse()
  const { credential: made, credentialBackedUp } = registrationInfo
  const id = await insertPasskey(database, {
    userId,
    credentialId: Buffer.from(made.id, 'base64url'),
    publicKey: made.publicKey,
    counter: made.counter,
    transports: made.transports ?? [],
    name: name ?? (credentialBackedUp ? 'Passkey' : 'Security key'),
    isBackedUp: credentialBackedUp,
  })
  if (id === undefined) throw new KeepsakeError('ERROR_LINKED_ELSEWHERE', 'This passkey is registered already.')
  return id
}

/** Options for `navigator.credentials.get`. They name no passkey, so they tell nobody which accounts there are. */
export async function askPasskey(database: Db, { origin, browser }: Site & { browser: Uint8Array }) {
  const challenge = await createChallenge(database, { kind: 'passkey', browser, userId: null })
  return await generateAuthenticationOptions({
    rpID: relyingParty(origin),
    challenge: owned(challenge),
    userVerification: 'required',
  })
}

/**
 * Whose passkey signed. (Web Authentication Level 3, section 7.2.)
 *
 * @throws KeepsakeError `ERROR_INVALID_PASSKEY`, `ERROR_CHALLENGE`
 */
export async function provePasskey(
  database: Db,
  { origin, browser }: Site,
  credential: AuthenticationResponseJSON,
): Promise<number> {
  const expectedChallenge = await takeAnswered(database, credential, { kind: 'passkey', browser, userId: null })
  const passkey = await findPasskey(database, Buffer.from(String(credential.id), 'base64url'))
  if (!passkey)
    throw new KeepsakeError('ERROR_INVALID_PASSKEY', 'This passkey belongs to no account here; perhaps it was removed.')
  const { verified, authenticationInfo } = await verifyAuthenticationResponse({
    response: credential,
    expectedChallenge,
    expectedOrigin: origin,
    expectedRPID: relyingParty(origin),
    credential: credentialOf(passkey),
    requireUserVerification: true,
  }).catch(refuse)
  if (!verified) throw refuse()
  if (!(await usePasskey(database, passkey.id, authenticationInfo.newCounter, authenticationInfo.credentialBackedUp)))
    throw refuse(new Error('The counter did not grow.'))
  return passkey.userId
}

/** @throws KeepsakeError `NOT_FOUND` */
export async function renamePasskey(database: Db, userId: number, id: number, name: string): Promise<void> {
  if (!(await renamePasskeyRow(database, userId, id, name))) throw new KeepsakeError('NOT_FOUND', 'You have no such passkey.')
}

function credentialOf({ credentialId, publicKey, counter, transports }: PasskeyRow) {
  return {
    id: base64url(credentialId),
    publicKey: owned(publicKey),
    counter,
    transports,
  }
}

/** Takes the challenge that the browser says it answered; the library then checks that what was signed says the same. */
async function takeAnswered(
  database: Db,
  credential: { response?: { clientDataJSON?: unknown } },
  owner: Parameters<typeof takeChallenge>[2],
): Promise<string> {
  const challenge = challengeIn(credential.response?.clientDataJSON)
  await takeChallenge(database, Buffer.from(challenge, 'base64url'), owner)
  return challenge
}

function challengeIn(clientDataJson: unknown): string {
  try {
    const { challenge } = JSON.parse(Buffer.from(String(clientDataJson), 'base64url').toString('utf8')) as { challenge?: unknown }
    return String(challenge)
  } catch (error) {
    throw refuse(error)
  }
}

/** The library's words are for those who wrote the page; they go to the log. */
function refuse(cause?: unknown): never {
  throw new KeepsakeError('ERROR_INVALID_PASSKEY', 'What the passkey answered is not right.', { cause })
}
