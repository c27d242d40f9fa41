import type { SignInOptions, WayIn } from '@keepsake/api/account.ts'
import { useCallback, useState } from 'react'
import { call, callWhole } from '../api/call.ts'
import { useResource } from '../api/use-resource.ts'
import { useSession } from '../session/session.tsx'
import { EmailForm } from '../sign-in/email-form.tsx'
import { MagicForm } from '../sign-in/magic-form.tsx'
import { useWallets } from '../sign-in/other-ways.tsx'
import { addPasskey, canUsePasskeys } from '../sign-in/passkey.ts'
import { addWallet, type Wallet } from '../sign-in/wallet.ts'
import { paths } from '../site/paths.ts'
import { Button } from '../ui/button.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { FailureNotice } from '../ui/notice.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { useAction } from '../ui/use-action.ts'
import { When } from '../ui/when.tsx'

const kinds: Record<WayIn['kind'], string> = {
  email: 'E-mail',
  passkey: 'Passkey',
  wallet: 'Wallet',
  github: 'GitHub',
  magic: 'Magic',
}

/** How one can enter the account: the list, removing, adding. */
export function WaysIn() {
  const ways = useResource(useCallback((signal) => call<WayIn[]>('GET', '/account/ways-in', { signal }), []))
  const [leaving, setLeaving] = useState<WayIn>()
  const remove = async (way: WayIn) => {
    await callWhole('DELETE', `/account/ways-in/${way.id}`)
    setLeaving(undefined)
    ways.reload()
  }
  return (
    <section className="settings-section" aria-labelledby="ways-in">
      <h2 id="ways-in">Ways in</h2>
      <p>Have more than one: who loses the only way in loses the account.</p>
      {ways.status === 'loading' && <Skeleton />}
      {ways.status === 'failed' && <FailureNotice error={ways.error} retry={ways.reload} />}
      {ways.value && (
        <ul className="plain-list">
          {ways.value.map((way) => (
            <li key={way.id}>
              <div>
                <strong>{kinds[way.kind]}</strong> <bdi className={way.kind === 'wallet' ? 'cid' : ''}>{way.label}</bdi>
                <p className="field-hint">
                  Added <When instant={way.created} />
                  {way.lastUsed && (
                    <>
                      , used <When instant={way.lastUsed} />
                    </>
                  )}
                </p>
              </div>
              {ways.value.length > 1 && (
                <Button size="small" kind="quiet" aria-label={`Remove ${way.label}`} onClick={() => setLeaving(way)}>
                  Remove
                </Button>
              )}
            </li>
          ))}
        </ul>
      )}
      <AddWays added={ways.reload} />
      {leaving && (
        <Confirm
          title="Remove this way in?"
          action="Remove it"
          onConfirm={() => remove(leaving)}
          onClose={() => setLeaving(undefined)}
        >
          <p>
            From then on nobody can sign in to your account with <strong>{leaving.label}</strong>.
          </p>
        </Confirm>
      )}
    </section>
  )
}

function AddWays({ added }: { added: () => void }) {
  const { refresh } = useSession()
  const options = useResource(useCallback((signal) => call<SignInOptions>('GET', '/account/sign-in', { signal }), []))
  const wallets = useWallets()
  const [adding, setAdding] = useState<'email' | 'magic'>()
  const done = async () => {
    added()
    await refresh()
  }
  const passkey = useAction(async () => {
    await addPasskey('')
    await done()
  })
  const wallet = useAction(async (one: Wallet) => {
    await addWallet(one)
    await done()
  })
  const github = useAction(async () => {
    const { url } = await call<{ url: string }>('POST', '/account/ways-in/github', { body: { next: paths.settings } })
    location.assign(url)
  })
  const close = () => setAdding(undefined)
  const addMagic = async (token: string) => {
    await callWhole('POST', '/account/ways-in/magic', { body: { token } })
    close()
    await done()
  }
  if (!options.value) return null
  const error = passkey.error ?? wallet.error ?? github.error
  return (
    <>
      <div className="button-row">
        {options.value.passkeys && canUsePasskeys() && (
          <Button size="small" busy={passkey.busy} onClick={() => void passkey.run()}>
            Add a passkey
          </Button>
        )}
        {options.value.wallet &&
          wallets.map((one) => (
            <Button key={one.id} size="small" busy={wallet.busy} onClick={() => void wallet.run(one)}>
              {one.id === 'injected' ? 'Add your wallet' : `Add ${one.name}`}
            </Button>
          ))}
        {options.value.github && (
          <Button size="small" busy={github.busy} onClick={() => void github.run()}>
            Add GitHub
          </Button>
        )}
        {options.value.magic && (
          <Button size="small" onClick={() => setAdding('magic')}>
            Add Magic
          </Button>
        )}
        <Button size="small" onClick={() => setAdding('email')}>
          Set the e-mail address
        </Button>
      </div>
      {error !== undefined && <FailureNotice error={error} />}
      {adding === 'magic' && (
        <Dialog title="Add Magic" onClose={close}>
          <MagicForm action="Add it" onToken={addMagic} />
          <div className="dialog-actions">
            <Button onClick={close}>Close</Button>
          </div>
        </Dialog>
      )}
      {adding === 'email' && (
        <Dialog title="Set the e-mail address" onClose={close}>
          <p>The link proves that the address is yours. It takes the place of the one you have.</p>
          <EmailForm next={paths.settings} isSent={options.value.email.sends} route="/account/ways-in/email" />
          <div className="dialog-actions">
            <Button onClick={close}>Close</Button>
          </div>
        </Dialog>
      )}
    </>
  )
}
