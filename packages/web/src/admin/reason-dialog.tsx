import { useState } from 'react'
import { call } from '../api/call.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { TextField } from '../ui/field.tsx'
import { FailureNotice } from '../ui/notice.tsx'
import { useAction } from '../ui/use-action.ts'

interface Props {
  title: string
  /** Who is told what is written here. */
  hint: string
  /** What the button does. */
  action: string
  /** Where `{ because }` is sent. */
  path: string
  onClose: () => void
}

/** Asks an administrator why, before something a storage provider will want to know the reason of. */
export function ReasonDialog({ title, hint, action, path, onClose }: Props) {
  const [because, setBecause] = useState('')
  const acting = useAction(async () => {
    await call('POST', path, { body: { because } })
    onClose()
  })
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          if (!acting.busy) void acting.run()
        }}
      >
        <div className="dialog-body">
          <TextField
            label="Why"
            hint={hint}
            maxLength={200}
            value={because}
            onChange={({ target }) => setBecause(target.value)}
          />
          {acting.error !== undefined && <FailureNotice error={acting.error} />}
        </div>
        <div className="dialog-actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="danger" type="submit" busy={acting.busy}>
            {action}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
