import type { RemotePin, RemotePinResults, RemotePinStatus } from '@keepsake/api/pinning.ts'
import { callWhole } from '../api/call.ts'

/** Requests on a page of the list. */
const pageSize = 50

const everyStatus = 'queued,pinning,pinned,failed'

/** Somebody's pins by CID, newest first; those created before an instant, or the newest. */
export async function listPins({
  before,
  signal,
}: {
  before?: string | undefined
  signal: AbortSignal
}): Promise<RemotePinResults> {
  const query = new URLSearchParams({ status: everyStatus, limit: String(pageSize), ...(before && { before }) })
  return await callWhole<RemotePinResults>('GET', `/api/pins?${query}`, { signal })
}

export async function addPin(pin: RemotePin): Promise<RemotePinStatus> {
  return await callWhole<RemotePinStatus>('POST', '/api/pins', { body: pin })
}

/** Puts the same request anew in the place of one that failed. */
export async function retryPin({ requestid, pin }: RemotePinStatus): Promise<RemotePinStatus> {
  return await callWhole<RemotePinStatus>('POST', `/api/pins/${requestid}`, { body: pin })
}

export async function deletePin({ requestid }: RemotePinStatus): Promise<void> {
  await callWhole('DELETE', `/api/pins/${requestid}`)
}

/** Whether what becomes of it is not known yet. */
export function isOpen({ status }: Pick<RemotePinStatus, 'status'>): boolean {
  return status === 'queued' || status === 'pinning'
}

/** Multiaddrs as people enter them: separated by spaces, commas or lines. */
export function splitOrigins(text: string): string[] {
  return text.split(/[\s,]+/).filter(Boolean)
}

/** The CID in what people paste: `ipfs://CID/…`, `/ipfs/CID`, the address of a gateway, or the CID itself. */
export function cidIn(text: string): string {
  const trimmed = text.trim()
  return (
    /^ipfs:\/\/(?:ipfs\/)?([^/?#]+)/.exec(trimmed)?.[1] ??
    /\/ipfs\/([^/?#]+)/.exec(trimmed)?.[1] ??
    /^https?:\/\/([a-z0-9]{46,})\.ipfs\./.exec(trimmed)?.[1] ??
    trimmed
  )
}
