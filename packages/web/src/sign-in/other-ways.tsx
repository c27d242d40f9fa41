import type { SignedIn, SignInOptions } from '@keepsake/api/account.ts'
import { useEffect, useState } from 'react'
import { call } from '../api/call.ts'
import { Button } from '../ui/button.tsx'
import { FailureNotice } from '../ui/notice.tsx'
import { useAction } from '../ui/use-action.ts'
import { MagicForm, magicTokenOf } from './magic-form.tsx'
import { canUsePasskeys, signInWithPasskey } from './passkey.ts'
import { useArrival } from './use-arrival.ts'
import { signInWithWallet, type Wallet, watchWallets } from './wallet.ts'

/** The wallets of this browser. */
export function useWallets(): Wallet[] {
  const [wallets, setWallets] = useState<Wallet[]>([])
  useEffect(() => watchWallets(setWallets), [])
  return wallets
}

function MagicWay({ next }: { next: string }) {
  const arrive = useArrival()
  const [token] = useState(() => magicTokenOf(location.hash))
  const [isOpen, setOpen] = useState(token !== undefined)
  if (!isOpen) return <Button onClick={() => setOpen(true)}>Use Magic</Button>
  const signIn = async (given: string) => {
    const answer = await call<SignedIn>('POST', '/account/sign-in/magic', { body: { token: given, next } })
    await arrive(answer.next)
  }
  return <MagicForm action="Sign in with Magic" token={token} onToken={signIn} />
}

/** Passkey, wallets, GitHub, Magic: those that this server and this browser both have. */
export function OtherWays({ options, next }: { options: SignInOptions; next: string }) {
  const wallets = useWallets()
  const arrive = useArrival()
  const passkey = useAction(async () => await arrive((await signInWithPasskey(next)).next))
  const wallet = useAction(async (one: Wallet) => await arrive((await signInWithWallet(one, next)).next))
  const github = useAction(async () => {
    const { url } = await call<{ url: string }>('POST', '/account/sign-in/github', { body: { next } })
    location.assign(url)
  })
  const error = passkey.error ?? wallet.error ?? github.error
  return (
    <div className="other-ways">
      <p className="divider">
        <span>or</span>
      </p>
      {options.passkeys && canUsePasskeys() && (
        <Button busy={passkey.busy} onClick={() => void passkey.run()}>
          Use a passkey
        </Button>
      )}
      {options.wallet &&
        wallets.map((one) => (
          <Button key={one.id} busy={wallet.busy} onClick={() => void wallet.run(one)}>
            {one.id === 'injected' ? 'Use your wallet' : `Use ${one.name}`}
          </Button>
        ))}
      {options.github && (
        <Button busy={github.busy} onClick={() => void github.run()}>
          Use GitHub
        </Button>
      )}
      {options.magic && <MagicWay next={next} />}
      {options.wallet && wallets.length === 0 && <p className="field-hint">No Ethereum wallet was found in this browser.</p>}
      {error !== undefined && <FailureNotice error={error} />}
    </div>
  )
}
