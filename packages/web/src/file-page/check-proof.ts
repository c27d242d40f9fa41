import { ContentError } from '@keepsake/content/errors.ts'
import { parseProof } from '@keepsake/content/proof/parse.ts'
import type { ProofReport } from '@keepsake/content/proof/report.ts'
import { verifyProof } from '@keepsake/content/proof/verify.ts'
import type { CID } from 'multiformats/cid'

/** No block is larger anywhere. */
const maxBlockBytes = 4 * 1024 * 1024

export interface CheckProofOptions {
  signal: AbortSignal
  /** Told how many bytes of the content have been read. */
  onProgress: (bytes: number) => void
}

/**
 * Checks a proof in this browser, with blocks of the gateway whose hashes are computed here.
 *
 * @throws Error for a document that is not a proof, and what `signal` was aborted with
 */
export async function checkProof(text: string, { signal, onProgress }: CheckProofOptions): Promise<ProofReport> {
  let bytesRead = 0
  const read = async (cid: CID): Promise<Uint8Array> => {
    const bytes = await fetchBlock(cid, signal)
    bytesRead += bytes.length
    onProgress(bytesRead)
    return bytes
  }
  return await verifyProof(await parseProof(text), { read, signal })
}

/** One block from this server's gateway, not verified yet. */
async function fetchBlock(cid: CID, signal: AbortSignal): Promise<Uint8Array> {
  const response = await fetch(`/ipfs/${cid}?format=raw`, { signal, headers: { accept: 'application/vnd.ipld.raw' } })
  if (!response.ok) throw new ContentError('BLOCK_NOT_FOUND', `The gateway does not have block ${cid}.`)
  if (Number(response.headers.get('content-length') ?? 0) > maxBlockBytes) {
    throw new ContentError('LIMIT_EXCEEDED', `The gateway answers more than ${maxBlockBytes} bytes for block ${cid}.`)
  }
  return new Uint8Array(await response.arrayBuffer())
}
