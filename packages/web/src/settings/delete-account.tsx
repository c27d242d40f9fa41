import { useState } from 'react'
import { useLocation } from 'wouter'
import { callWhole } from '../api/call.ts'
import { useSession } from '../session/session.tsx'
import { paths } from '../site/paths.ts'
import { Button } from '../ui/button.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { TextField } from '../ui/field.tsx'

export function DeleteAccount({ label }: { label: string }) {
  const { refresh } = useSession()
  const [, navigate] = useLocation()
  const [isAsking, setIsAsking] = useState(false)
  const [typed, setTyped] = useState('')
  const deleteAccount = async () => {
    if (typed !== label) throw new Error(`Type ${label} to delete the account.`)
    await callWhole('DELETE', '/account/me', { body: { confirm: typed } })
    await refresh()
    navigate(paths.home)
  }
  return (
    <section className="settings-section" aria-labelledby="delete-account">
      <h2 id="delete-account">Delete the account</h2>
      <p>
        Keys and sessions end at once, your name and address are forgotten, and your uploads are deleted. What others stored too
        stays theirs; copies elsewhere are out of our reach.
      </p>
      <div className="button-row">
        <Button size="small" kind="danger" onClick={() => setIsAsking(true)}>
          Delete my account
        </Button>
      </div>
      {isAsking && (
        <Confirm
          title="Delete your account?"
          action="Delete it for good"
          onConfirm={deleteAccount}
          onClose={() => setIsAsking(false)}
        >
          <p>This cannot be taken back.</p>
          <TextField
            label={`Type ${label}`}
            value={typed}
            autoComplete="off"
            spellCheck={false}
            onChange={(event) => setTyped(event.target.value)}
          />
        </Confirm>
      )}
    </section>
  )
}
