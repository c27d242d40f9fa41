import type { AdminKey, AdminUser, ChangeUser } from '@keepsake/api/admin.ts'
import { startTransition, useCallback, useOptimistic } from 'react'
import { Link, useParams } from 'wouter'
import { call, callWhole } from '../api/call.ts'
import { useResource } from '../api/use-resource.ts'
import { RequireSession } from '../session/require-session.tsx'
import { useMe } from '../session/session.tsx'
import { NotFound } from '../site/not-found.tsx'
import { NotReady } from '../site/not-ready.tsx'
import { paths } from '../site/paths.ts'
import { Button } from '../ui/button.tsx'
import { formatBytes, formatCount } from '../ui/format.ts'
import { FailureNotice } from '../ui/notice.tsx'
import { Page } from '../ui/page.tsx'
import { useAction } from '../ui/use-action.ts'
import { When } from '../ui/when.tsx'
import { QuotaForm } from './quota-form.tsx'
import { UserKeys } from './user-keys.tsx'

interface Details {
  user: AdminUser
  keys: AdminKey[]
}

export default function UserPage() {
  return (
    <RequireSession>
      <Guarded />
    </RequireSession>
  )
}

function Guarded() {
  const { id = '' } = useParams<{ id: string }>()
  const me = useMe()
  return me.isAdmin && /^\d{1,15}$/.test(id) ? <User id={Number(id)} /> : <NotFound />
}

function User({ id }: { id: number }) {
  const route = `/account/admin/users/${id}`
  const details = useResource(useCallback((signal) => call<Details>('GET', route, { signal }), [route]))
  if (details.status !== 'ready') return <NotReady of={details} />
  const { user, keys } = details.value
  const change = async (changes: ChangeUser) => details.replace(await call<Details>('PATCH', route, { body: changes }))
  return (
    <Page
      title={user.email ?? user.name ?? `User ${user.id}`}
      width="text"
      lead={`${formatCount(user.uploads)} ${user.uploads === 1 ? 'upload' : 'uploads'}, ${formatBytes(user.storage.usedBytes)}`}
      actions={
        <Link href={paths.admin} className="button button-small">
          Everybody
        </Link>
      }
    >
      <p>
        Here since <When instant={user.created} />
        {user.lastSeen ? (
          <>
            , last seen <When instant={user.lastSeen} />.
          </>
        ) : (
          '.'
        )}
      </p>
      <Rights user={user} change={change} route={route} />
      <QuotaForm limitBytes={user.storage.limitBytes} save={(storageLimitBytes) => change({ storageLimitBytes })} />
      <UserKeys keys={keys} changed={details.reload} />
    </Page>
  )
}

interface RightsProps {
  user: AdminUser
  change: (changes: ChangeUser) => Promise<void>
  route: string
}

function Rights({ user, change, route }: RightsProps) {
  const changing = useAction(change)
  // What was clicked shows at once, and goes back when the server refuses it.
  const [shown, setShown] = useOptimistic(user)
  const turn = (property: keyof ChangeUser & keyof AdminUser) =>
    startTransition(async () => {
      setShown({ ...user, [property]: !user[property] })
      await changing.run({ [property]: !user[property] })
    })
  const signingOut = useAction(async () => await callWhole('DELETE', `${route}/sessions`))
  const switches: [string, string, keyof ChangeUser & keyof AdminUser, boolean][] = [
    ['May store', 'Uploads are refused while this is off.', 'uploadsRestricted', !shown.uploadsRestricted],
    ['May delete', 'Deletes are refused while this is off.', 'deletesRestricted', !shown.deletesRestricted],
    ['Is an administrator', 'Sees this page, and may do all that is on it.', 'isAdmin', shown.isAdmin],
  ]
  return (
    <section className="settings-section" aria-labelledby="rights">
      <h2 id="rights">Rights</h2>
      {switches.map(([label, hint, property, isOn]) => (
        <label key={property} className="switch">
          <input type="checkbox" checked={isOn} disabled={changing.busy} onChange={() => turn(property)} />
          <span>
            <strong>{label}</strong>
            <span className="field-hint">{hint}</span>
          </span>
        </label>
      ))}
      {changing.error !== undefined && <FailureNotice error={changing.error} />}
      <div className="button-row">
        <Button size="small" kind="danger" busy={signingOut.busy} onClick={() => void signingOut.run()}>
          Sign out of all browsers
        </Button>
      </div>
      {signingOut.error !== undefined && <FailureNotice error={signingOut.error} />}
    </section>
  )
}
