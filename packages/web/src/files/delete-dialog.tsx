import { useState } from 'react'
import { Confirm } from '../ui/confirm.tsx'
import { formatCount } from '../ui/format.ts'
import { deleteFiles } from './many-files.ts'

/** Files to be deleted: those named, or all that match, which are looked up when that was confirmed. */
export interface Doomed {
  count: number
  /** Of the only one. */
  name?: string
  listCids: () => Promise<readonly string[]>
}

interface DeleteDialogProps {
  doomed: Doomed
  /** Called with what was deleted. */
  onDeleted: (cids: readonly string[]) => void
  onClose: () => void
}

export function DeleteDialog({ doomed: { count, name, listCids }, onDeleted, onClose }: DeleteDialogProps) {
  const [done, setDone] = useState(0)
  const what = count === 1 ? 'this file' : `these ${formatCount(count)} files`
  const confirm = async () => onDeleted(await deleteFiles(await listCids(), { onProgress: setDone }))
  return (
    <Confirm title={`Delete ${what}?`} action={`Delete ${what}`} onConfirm={confirm} onClose={onClose}>
      {count === 1 && name !== undefined && (
        <p>
          <bdi className="strong">{name}</bdi>
        </p>
      )}
      <p>
        {count === 1
          ? 'It leaves your list at once, and this server no longer keeps it'
          : 'They leave your list at once, and this server no longer keeps them'}{' '}
        for you. The bytes are removed later, unless somebody else stored the same content here.
      </p>
      <p>
        Deleting does not reach copies that others hold. Whoever fetched it can go on serving it under the same CID, and tokens
        that point to it still do.
      </p>
      {done > 0 && (
        <p role="status">
          {formatCount(done)} of {formatCount(count)} deleted.
        </p>
      )}
    </Confirm>
  )
}
