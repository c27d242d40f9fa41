import type { Nft } from '@keepsake/api/nft.ts'
import { type FormEvent, useState } from 'react'
import { call } from '../api/call.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { TextField } from '../ui/field.tsx'
import { FailureNotice } from '../ui/notice.tsx'
import { useAction } from '../ui/use-action.ts'

interface RenameDialogProps {
  file: Nft
  onRenamed: (file: Nft) => void
  onClose: () => void
}

export function RenameDialog({ file, onRenamed, onClose }: RenameDialogProps) {
  const [name, setName] = useState(file.name)
  const renaming = useAction(async () => onRenamed(await call<Nft>('PATCH', `/api/upload/${file.cid}`, { body: { name } })))
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!renaming.busy) void renaming.run()
  }
  return (
    <Dialog title="Rename" onClose={onClose}>
      <form onSubmit={submit} className="stack">
        <TextField
          label="Name"
          dir="auto"
          required
          maxLength={1024}
          value={name}
          onChange={(event) => setName(event.target.value)}
          hint="A label for you. The content and its CID stay what they are."
        />
        {renaming.error !== undefined && <FailureNotice error={renaming.error} />}
        <div className="dialog-actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="main" type="submit" busy={renaming.busy}>
            Rename
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
