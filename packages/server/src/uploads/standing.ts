import type { BackendPin, Nft } from '@keepsake/api/nft.ts'
import { CID } from 'multiformats/cid'
import type { ContentStanding, PinEntry } from './store.ts'

/** What is known of a content, and of those who keep it. */
export type Standing = Pick<
  ContentStanding,
  'dagBytes' | 'completeAt' | 'createdAt' | 'missingBlocks' | 'missingCids' | 'obstacle' | 'pins'
>

const onlyHere: PinEntry = { backend: 'embedded', status: null, since: null, error: null, nextAttempt: null }

/**
 * Where a content stands with everybody who is to keep it, the primary one first. Here it is pinned when every block of it is here; elsewhere when they
 * say so; and nobody is given it before it is complete.
 */
export function toPins({ pins, completeAt, createdAt }: Pick<Standing, 'pins' | 'completeAt' | 'createdAt'>): BackendPin[] {
  const here: BackendPin = {
    backend: 'embedded',
    status: completeAt === null ? 'pinning' : 'pinned',
    since: (completeAt ?? createdAt).toISOString(),
  }
  return (pins ?? [onlyHere]).map(({ backend, status, since, error, nextAttempt }) => {
    // Our own shards have no row as long as nothing is wrong with them.
    if (status === null || since === null) return backend === 'embedded' ? here : { ...here, backend, status: 'queued' }
    const isFailed = status === 'failed'
    return {
      backend,
      status,
      since: new Date(since).toISOString(),
      ...(error && { error }),
      ...(isFailed && nextAttempt && { nextAttempt: new Date(nextAttempt).toISOString() }),
    }
  })
}

/** The same for the primary backend. While blocks are missing that is said: nothing stays "pinning" without a reason. */
export function toPin(cid: string, standing: Standing): Nft['pin'] {
  const [primary] = toPins(standing)
  const pin = { cid, created: standing.createdAt.toISOString(), size: standing.dagBytes, status: primary?.status ?? 'queued' }
  if (standing.completeAt !== null) return pin
  const cids = standing.missingCids.map((bytes) => CID.decode(bytes).toString())
  return { ...pin, missing: { blocks: standing.missingBlocks, cids, ...(standing.obstacle && { reason: standing.obstacle }) } }
}
