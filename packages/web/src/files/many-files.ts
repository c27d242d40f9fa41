import type { CidList } from '@keepsake/api/nft.ts'
import { call } from '../api/call.ts'

/** The most the API takes at once. */
const atOnce = 1000

export interface ManyOptions {
  /** Called with how many are done. */
  onProgress?: (done: number) => void
  signal?: AbortSignal
}

async function forMany(path: string, cids: readonly string[], { onProgress, signal }: ManyOptions): Promise<string[]> {
  const done: string[] = []
  for (let at = 0; at < cids.length; at += atOnce) {
    signal?.throwIfAborted()
    const some = cids.slice(at, at + atOnce)
    const answer = await call<CidList>('POST', path, { body: { cids: some }, ...(signal && { signal }) })
    done.push(...answer.cids)
    onProgress?.(Math.min(at + atOnce, cids.length))
  }
  return done
}

/** Deletes files; gives those that were there. @throws CallFailure */
export const deleteFiles = (cids: readonly string[], options: ManyOptions = {}) => forMany('/api/uploads/delete', cids, options)

/** Brings back what was deleted; gives those that are back. @throws CallFailure */
export const restoreFiles = (cids: readonly string[], options: ManyOptions = {}) => forMany('/api/uploads/restore', cids, options)
