import { CID } from 'multiformats/cid'
import type { PinStatus } from '../../database/schema.ts'
import type { PinState } from '../backend.ts'
import { BackendError, rootKey } from '../backend.ts'
import { clip } from '../calls/failure.ts'

/** One request to pin, as a Pinning Service shows it. A root may have several. */
export interface PinRequest {
  id: string
  key: string
  /** As the service wrote it: pages are asked for by it. */
  created: string
  name: string | undefined
  state: PinState
}

const ranks: Record<PinState['status'], number> = { pinned: 4, pinning: 3, queued: 2, failed: 1, absent: 0 }

/** Of several requests for a root the one that is furthest counts. */
export function betterOf(known: PinState | undefined, other: PinState): PinState {
  return known && ranks[known.status] >= ranks[other.status] ? known : other
}

/** Undefined for what is no `PinStatus` of the specification. */
export function readPinRequest(value: unknown): PinRequest | undefined {
  const { requestid, status, created, pin, info } = (value ?? {}) as Record<string, unknown>
  const { cid, name } = (pin ?? {}) as Record<string, unknown>
  if (typeof requestid !== 'string' || typeof cid !== 'string' || typeof created !== 'string' || !isStatus(status))
    return undefined
  const detail = status === 'failed' ? detailOf(info) : undefined
  try {
    const key = rootKey(CID.parse(cid))
    return {
      id: requestid,
      key,
      created,
      name: typeof name === 'string' ? name : undefined,
      state: { status, ...(detail && { detail }) },
    }
  } catch {
    return undefined
  }
}

/** @throws BackendError `unavailable` for what is no list */
export function readPinRequests(value: unknown): { requests: PinRequest[] } {
  const { results } = (value ?? {}) as { results?: unknown }
  if (!Array.isArray(results))
    throw new BackendError('unavailable', 'The pinning service answered with something that is no list of pins.')
  return { requests: results.map(readPinRequest).filter((request) => request !== undefined) }
}

function isStatus(value: unknown): value is PinStatus {
  return value === 'queued' || value === 'pinning' || value === 'pinned' || value === 'failed'
}

/** Services say why in whatever field they like. */
function detailOf(info: unknown): string {
  if (typeof info !== 'object' || info === null) return 'the service says that it failed'
  const { status_details: details, reason, error } = info as Record<string, unknown>
  const text = [details, reason, error].find((one) => typeof one === 'string')
  return clip(
    (text as string | undefined) ?? (Object.keys(info).length > 0 ? JSON.stringify(info) : 'the service says that it failed'),
  )
}
