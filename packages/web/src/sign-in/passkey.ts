import type { SignedIn } from '@keepsake/api/account.ts'
import { call } from '../api/call.ts'

/** Whether this browser can use passkeys here: WebAuthn Level 3's JSON methods, and an address that may have them. */
export function canUsePasskeys(): boolean {
  return (
    window.isSecureContext &&
    typeof PublicKeyCredential === 'function' &&
    'parseRequestOptionsFromJSON' in PublicKeyCredential &&
    // Passkeys belong to names; an IP address has none.
    !/^(\d+\.){3}\d+$|^\[/.test(location.hostname)
  )
}

/** Somebody closed the browser's dialog, or let it time out; nothing is wrong. */
function asSentence(error: unknown): never {
  const name = error instanceof DOMException ? error.name : ''
  if (name === 'NotAllowedError' || name === 'AbortError')
    throw new Error('No passkey was used. Try again, or sign in another way.', { cause: error })
  if (name === 'InvalidStateError') throw new Error('This device has a passkey for your account already.', { cause: error })
  throw error
}

/** Signs in with a passkey. */
export async function signInWithPasskey(next: string): Promise<SignedIn> {
  const options = await call<PublicKeyCredentialRequestOptionsJSON>('POST', '/account/sign-in/passkey/options')
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options)
  const credential = (await navigator.credentials.get({ publicKey }).catch(asSentence)) as PublicKeyCredential
  return await call<SignedIn>('POST', '/account/sign-in/passkey', { body: { credential: credential.toJSON(), next } })
}

/** Makes a passkey for the account that is signed in. */
export async function addPasskey(name: string): Promise<void> {
  const options = await call<PublicKeyCredentialCreationOptionsJSON>('POST', '/account/ways-in/passkey/options')
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options)
  const credential = (await navigator.credentials.create({ publicKey }).catch(asSentence)) as PublicKeyCredential
  await call('POST', '/account/ways-in/passkey', { body: { credential: credential.toJSON(), ...(name && { name }) } })
}
