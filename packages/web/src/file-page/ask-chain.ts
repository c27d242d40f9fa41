import type { ProofDocument } from '@keepsake/content/proof/document.ts'
import type { ProofReport } from '@keepsake/content/proof/report.ts'

export interface ChainQuestion {
  document: ProofDocument
  /** What was found without the chain. */
  report: ProofReport
  /** Of the node. */
  url: string
}

export type ChainAnswer = { report: ProofReport } | { message: string }

/**
 * Asks a Filecoin node about the deals that a proof names, on a thread of its own, which ends with it and is the only part of these pages that may reach
 * another host.
 *
 * @returns the report with what the chain says in it; what could not be asked is left there
 * @throws Error where the thread cannot be started, and what `signal` was aborted with
 */
export async function askChain(question: ChainQuestion, signal: AbortSignal): Promise<ProofReport> {
  signal.throwIfAborted()
  const worker = new Worker(new URL('./ask-chain-worker.ts', import.meta.url), { type: 'module', name: 'keepsake-ask-chain' })
  const { promise, resolve, reject } = Promise.withResolvers<ProofReport>()
  const abort = () => reject(signal.reason)
  signal.addEventListener('abort', abort)
  worker.addEventListener('error', () =>
    reject(new Error('The part of this page that asks Filecoin nodes could not be started. Reload the page.')),
  )
  worker.addEventListener('message', ({ data }: MessageEvent<ChainAnswer>) => {
    if ('report' in data) resolve(data.report)
    else reject(new Error(data.message))
  })
  worker.postMessage(question)
  try {
    return await promise
  } finally {
    signal.removeEventListener('abort', abort)
    worker.terminate()
  }
}
