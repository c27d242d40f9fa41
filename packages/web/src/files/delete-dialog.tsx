import type { Nft } from '@keepsake/api/nft.ts'
import { call } from '../api/call.ts'
import { CallFailure } from '../api/failure.ts'
import { Confirm } from '../ui/confirm.tsx'
import { formatCount } from '../ui/format.ts'
import { displayName } from './display-name.ts'

interface DeleteDialogProps {
  files: readonly Nft[]
  /** Called when all of them are gone. */
  onDeleted: () => void
  onClose: () => void
}

const atOnce = 4

/** Deletes one or many. What is gone already counts as deleted. */
async function deleteAll(files: readonly Nft[]): Promise<void> {
  const waiting = [...files]
  let failure: unknown
  const work = async () => {
    for (let file = waiting.shift(); file && failure === undefined; file = waiting.shift()) {
      try {
        await call('DELETE', `/api/${file.cid}`)
      } catch (error) {
        if (!(error instanceof CallFailure && error.status === 404)) failure ??= error
      }
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  if (failure !== undefined) throw failure
}

export function DeleteDialog({ files, onDeleted, onClose }: DeleteDialogProps) {
  const [first] = files
  if (!first) return null
  const what = files.length === 1 ? 'this file' : `these ${formatCount(files.length)} files`
  const confirm = async () => {
    await deleteAll(files)
    onDeleted()
  }
  return (
    <Confirm title={`Delete ${what}?`} action={`Delete ${what}`} onConfirm={confirm} onClose={onClose}>
      {files.length === 1 && (
        <p>
          <bdi className="strong">{displayName(first)}</bdi>
        </p>
      )}
      <p>
        It leaves your list at once, and this server no longer keeps it for you. The bytes are removed later, unless somebody else
        stored the same content here.
      </p>
      <p>
        Deleting does not reach copies that others hold. Whoever fetched it can go on serving it under the same CID, and tokens
        that point to it still do.
      </p>
    </Confirm>
  )
}
