import { Button } from '../ui/button.tsx'
import { formatCount } from '../ui/format.ts'
import { FailureNotice, Notice } from '../ui/notice.tsx'
import { useAction } from '../ui/use-action.ts'
import { restoreFiles } from './many-files.ts'

interface UndoNoticeProps {
  /** What was just deleted. */
  cids: readonly string[]
  onRestored: () => void
  onClose: () => void
}

/** Says what was deleted, and takes it back when asked. */
export function UndoNotice({ cids, onRestored, onClose }: UndoNoticeProps) {
  const restoring = useAction(async () => {
    const restored = await restoreFiles(cids)
    onRestored()
    if (restored.length < cids.length)
      throw new Error(
        `${formatCount(cids.length - restored.length)} of them could not be brought back: this server has forgotten them already. Upload them again.`,
      )
    onClose()
  })
  if (restoring.error !== undefined) return <FailureNotice error={restoring.error} />
  return (
    <Notice kind="neutral">
      <div className="undo">
        <p>{cids.length === 1 ? 'One file was deleted.' : `${formatCount(cids.length)} files were deleted.`}</p>
        <Button size="small" busy={restoring.busy} onClick={() => void restoring.run()}>
          Undo
        </Button>
        <Button size="small" kind="quiet" onClick={onClose}>
          Close
        </Button>
      </div>
    </Notice>
  )
}
