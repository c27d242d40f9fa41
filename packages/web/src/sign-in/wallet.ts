import type { SignedIn } from '@keepsake/api/account.ts'
import { call } from '../api/call.ts'

/** A wallet in the browser. (EIP-1193) */
interface Provider {
  request(call: { method: string; params?: unknown[] }): Promise<unknown>
}

export interface Wallet {
  id: string
  name: string
  provider: Provider
}

interface Announcement {
  info: { uuid: string; name: string }
  provider: Provider
}

/**
 * Calls `found` with the wallets of this browser, again whenever another one announces itself (EIP-6963); a wallet that only puts itself at
 * `window.ethereum` counts where none does. Ends when the function it gives is called.
 */
export function watchWallets(found: (wallets: Wallet[]) => void): () => void {
  const announced = new Map<string, Wallet>()
  const tell = () => {
    const injected = (window as { ethereum?: Provider }).ethereum
    if (announced.size > 0) found([...announced.values()])
    else found(injected ? [{ id: 'injected', name: 'Wallet', provider: injected }] : [])
  }
  const hear = (event: Event) => {
    const { info, provider } = (event as CustomEvent<Announcement>).detail
    announced.set(info.uuid, { id: info.uuid, name: info.name, provider })
    tell()
  }
  window.addEventListener('eip6963:announceProvider', hear)
  window.dispatchEvent(new Event('eip6963:requestProvider'))
  tell()
  return () => window.removeEventListener('eip6963:announceProvider', hear)
}

/** Has a wallet say who it is and sign what the server wants signed. `route` is where the account API does this. */
async function prove(provider: Provider, route: string): Promise<{ message: string; signature: string }> {
  const [address] = (await ask(provider, 'eth_requestAccounts')) as string[]
  if (!address) throw new Error('The wallet showed no address.')
  const chainId = Number.parseInt((await ask(provider, 'eth_chainId')) as string, 16) || 1
  const { message } = await call<{ message: string }>('POST', `${route}/message`, { body: { address, chainId } })
  const signature = (await ask(provider, 'personal_sign', [hexOf(message), address])) as string
  return { message, signature }
}

const hexOf = (text: string) =>
  `0x${Array.from(new TextEncoder().encode(text), (byte) => byte.toString(16).padStart(2, '0')).join('')}`

async function ask(provider: Provider, method: string, params?: unknown[]): Promise<unknown> {
  try {
    return await provider.request({ method, ...(params && { params }) })
  } catch (error) {
    // EIP-1193: 4001 is "the user rejected the request".
    if ((error as { code?: number }).code === 4001)
      throw new Error('You said no in the wallet. Nothing happened.', { cause: error })
    throw new Error(`The wallet failed: ${(error as Error).message ?? 'it did not say why'}`, { cause: error })
  }
}

/** Sign-In with Ethereum. (ERC-4361) */
export async function signInWithWallet({ provider }: Wallet, next: string): Promise<SignedIn> {
  const proof = await prove(provider, '/account/sign-in/wallet')
  return await call<SignedIn>('POST', '/account/sign-in/wallet', { body: { ...proof, next } })
}

/** Makes a wallet a way into the account that is signed in. */
export async function addWallet({ provider }: Wallet): Promise<void> {
  await call('POST', '/account/ways-in/wallet', { body: await prove(provider, '/account/ways-in/wallet') })
}
