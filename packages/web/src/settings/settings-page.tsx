import { RequireSession } from '../session/require-session.tsx'
import { useMe } from '../session/session.tsx'
import { formatBytes } from '../ui/format.ts'
import { Notice } from '../ui/notice.tsx'
import { Page } from '../ui/page.tsx'
import { DeleteAccount } from './delete-account.tsx'
import { Sessions } from './sessions.tsx'
import { WaysIn } from './ways-in.tsx'

export default function SettingsPage() {
  return (
    <RequireSession>
      <Settings />
    </RequireSession>
  )
}

function Settings() {
  const me = useMe()
  const { usedBytes, limitBytes } = me.storage
  return (
    <Page title="Your account" lead={<bdi>{me.label}</bdi>} width="text">
      {me.uploadsRestricted && (
        <Notice kind="bad">
          <p>The operator of this server has restricted your account: it cannot store anything at the moment.</p>
        </Notice>
      )}
      {me.deletesRestricted && (
        <Notice kind="neutral">
          <p>The operator of this server has restricted your account: it cannot delete anything at the moment.</p>
        </Notice>
      )}
      <section className="settings-section" aria-labelledby="storage">
        <h2 id="storage">Storage</h2>
        <p>
          You keep <strong>{formatBytes(usedBytes)}</strong>
          {limitBytes === null ? ' here. There is no limit for your account.' : ` of ${formatBytes(limitBytes)}.`}
        </p>
        {limitBytes !== null && <meter min={0} max={limitBytes} value={usedBytes} aria-label="Share of your storage in use" />}
      </section>
      <WaysIn />
      <Sessions />
      <DeleteAccount label={me.label} />
    </Page>
  )
}
