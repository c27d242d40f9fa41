import { checkOnChain } from '@keepsake/client/check-on-chain.ts'
import type { ChainAnswer, ChainQuestion } from './ask-chain.ts'

// Asks a Filecoin node that the visitor names. Only this worker may: its policy lets it reach other hosts, that of the pages does not. So it takes nothing
// but a proof and an address, and sends nothing but calls that read the chain.

/** A call without cookies, and without saying where it comes from. */
const plainFetch: typeof fetch = (input, init) =>
  fetch(input, { ...init, credentials: 'omit', redirect: 'error', referrerPolicy: 'no-referrer' })

function tell(answer: ChainAnswer): void {
  postMessage(answer)
}

addEventListener('message', ({ data }: MessageEvent<ChainQuestion>) => {
  const { document, report, url } = data
  checkOnChain(document, report, { urls: [url], signal: new AbortController().signal, fetch: plainFetch }).then(
    (found) => tell({ report: found }),
    (error: unknown) => tell({ message: error instanceof Error ? error.message : String(error) }),
  )
})
