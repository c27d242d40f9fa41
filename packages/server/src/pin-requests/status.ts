import type { RemotePinStatus } from '@keepsake/api/pinning.ts'
import type { Delegates } from './delegates.ts'
import type { PinRequestRow } from './store.ts'

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`
}

/** How far a request is, in words; never more than is known. */
function details(row: PinRequestRow, { isLive }: Delegates): string {
  const isOpen = row.status === 'queued' || row.status === 'pinning'
  if (isOpen && !row.isLeased && !isLive) return 'It waits: no IPFS node of this server runs at the moment.'
  const have = `${plural(row.blocks, 'block')}, ${plural(row.bytes, 'byte')}`
  switch (row.status) {
    case 'pinned':
      return 'Every block of it is here.'
    case 'failed':
      return row.reason ?? 'It could not be fetched.'
    case 'queued':
      return row.reason ?? 'It waits to be fetched.'
    case 'pinning':
      if (row.isLeased) return row.blocks === 0 ? 'Looking for somebody who has it.' : `Fetching: ${have} are here.`
      return [row.reason, row.blocks > 0 && `So far ${have} are here.`, `Tried again at ${row.nextAttemptAt.toISOString()}.`]
        .filter(Boolean)
        .join(' ')
  }
}

function info(row: PinRequestRow, delegates: Delegates): Record<string, string> {
  const isWaiting = row.status === 'pinning' && !row.isLeased
  // What was fetched was counted; what the root claims was not.
  const size = row.blocks > 0 ? row.bytes : (row.dagBytes ?? row.bytes)
  return {
    status_details: details(row, delegates),
    ...(row.blocks > 0 && { blocks: String(row.blocks) }),
    ...(row.bytes > 0 && { bytes: String(row.bytes) }),
    ...(row.status === 'pinned' && size > 0 && { dag_size: String(size) }),
    ...(row.attempts > 1 && { attempts: String(row.attempts) }),
    ...(isWaiting && { next_attempt: row.nextAttemptAt.toISOString(), given_up: row.giveUpAt.toISOString() }),
  }
}

/** A request as the Pinning Service API shows it. */
export function toPinStatus(row: PinRequestRow, delegates: Delegates): RemotePinStatus {
  return {
    requestid: row.id,
    status: row.status,
    created: row.createdAt.toISOString(),
    pin: {
      cid: row.cid,
      ...(row.name !== null && { name: row.name }),
      ...(row.origins.length > 0 && { origins: row.origins }),
      ...(Object.keys(row.meta).length > 0 && { meta: row.meta }),
    },
    delegates: delegates.addresses,
    info: info(row, delegates),
  }
}
