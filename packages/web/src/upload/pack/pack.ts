import { UploadProblem } from '../problem.ts'
import type { Packed, PackMessage, PackRequest } from './pack-request.ts'

interface PackOptions {
  signal: AbortSignal
  onProgress: (readBytes: number) => void
}

/**
 * Packs on a thread of its own, which ends with it.
 *
 * @throws UploadProblem with a sentence for whoever chose the files; what `signal` was aborted with
 */
export async function pack(request: PackRequest, { signal, onProgress }: PackOptions): Promise<Packed> {
  signal.throwIfAborted()
  const worker = new Worker(new URL('./pack-worker.ts', import.meta.url), { type: 'module', name: 'keepsake-pack' })
  const { promise, resolve, reject } = Promise.withResolvers<Packed>()
  const abort = () => reject(signal.reason)
  signal.addEventListener('abort', abort)
  worker.addEventListener('error', () =>
    reject(new UploadProblem('The part of this page that packs files could not be started. Reload the page.')),
  )
  worker.addEventListener('message', ({ data }: MessageEvent<PackMessage>) => {
    if (data.type === 'progress') onProgress(data.readBytes)
    else if (data.type === 'packed') resolve(data.packed)
    else reject(problemOf(data))
  })
  worker.postMessage(request)
  try {
    return await promise
  } finally {
    signal.removeEventListener('abort', abort)
    worker.terminate()
  }
}

function problemOf({ reason, message }: { reason: 'unreadable' | 'content' | 'unexpected'; message: string }): UploadProblem {
  if (reason === 'unreadable') return new UploadProblem(unreadable)
  if (reason === 'content') return new UploadProblem(`This cannot be stored as it is: ${message}.`)
  return new UploadProblem(`Packing failed: ${message}.`)
}

export const unreadable = 'A file cannot be read any more: it was changed, moved or deleted after you chose it. Choose it again.'
