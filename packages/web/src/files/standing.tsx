import type { Nft } from '@keepsake/api/nft.ts'
import { formatCount } from '../ui/format.ts'

/** Where an upload stands, in a few words. Its page says more. */
export function Standing({ pin: { status, missing } }: Pick<Nft, 'pin'>) {
  return (
    <span className={`standing standing-${missing ? 'missing' : status}`}>
      <span className="standing-dot" aria-hidden="true" />
      {wordsFor(status, missing)}
    </span>
  )
}

function wordsFor(status: Nft['pin']['status'], missing: Nft['pin']['missing']): string {
  if (missing) {
    const { blocks } = missing
    if (blocks === 0) return 'Pinning'
    return `Waiting for ${formatCount(blocks)} ${blocks === 1 ? 'block' : 'blocks'}`
  }
  return { queued: 'Queued', pinning: 'Pinning', pinned: 'Pinned', failed: 'Failed' }[status]
}
