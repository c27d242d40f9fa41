import { randomUUID } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import type { Config } from '../config.ts'
import type { FetchComponents, FetchSettings } from './fetch-request.ts'
import { fetchRequest } from './fetch-request.ts'
import { claimRequest } from './fetch-store.ts'
import { saveSteps } from './save-shards.ts'

/** Fetches what pin requests ask for, several at a time. Belongs into the process of the peer. */
export interface RequestFetcher extends AsyncDisposable {
  /** Looks for requests at once; without it every few seconds. */
  wake(): void
}

export interface FetcherOptions extends FetchComponents {
  config: Pick<
    Config,
    'PIN_MAX_BYTES' | 'PIN_MAX_BLOCKS' | 'PIN_BLOCK_TIMEOUT_MS' | 'PIN_FETCHES' | 'PIN_FETCHES_PER_USER' | 'MAX_BLOCK_BYTES'
  >
  /** What is not to be as usual. */
  adjust?: Partial<Omit<FetchSettings, 'limits'>> & { pollMs?: number; maxDepth?: number }
}

/** Requests that are to be tried again come due without anybody saying so. */
const usualPollMs = 5_000
const usualRenewMs = 3_000
const usualFirstRetryMs = 15_000
const usualSlowAfterMs = 300_000
/** Files have ten levels at most; logs kept as chains have more. */
const usualMaxDepth = 1000

function settingsOf({ config, adjust }: FetcherOptions): FetchSettings {
  return {
    limits: {
      maxBytes: config.PIN_MAX_BYTES,
      maxBlocks: config.PIN_MAX_BLOCKS,
      maxBlockBytes: config.MAX_BLOCK_BYTES,
      maxDepth: adjust?.maxDepth ?? usualMaxDepth,
      blockTimeoutMs: config.PIN_BLOCK_TIMEOUT_MS,
    },
    steps: adjust?.steps ?? saveSteps,
    firstRetryMs: adjust?.firstRetryMs ?? usualFirstRetryMs,
    slowAfterMs: adjust?.slowAfterMs ?? usualSlowAfterMs,
    renewMs: adjust?.renewMs ?? usualRenewMs,
  }
}

/** Begins to fetch. Disposing of it breaks off what is under way; what was fetched by then is kept. */
export function openRequestFetcher(options: FetcherOptions): RequestFetcher {
  const { config, log, database } = options
  const settings = settingsOf(options)
  const stopping = new AbortController()
  setMaxListeners(0, stopping.signal)
  const running = new Set<Promise<void>>()
  let wake = () => {}
  let isWoken = true

  const begin = async (): Promise<boolean> => {
    const claim = await claimRequest(database, randomUUID(), config.PIN_FETCHES_PER_USER)
    if (!claim) return false
    const fetching = fetchRequest(options, claim, settings, stopping.signal)
      .catch((error: unknown) => log.warn({ err: error, request: claim.id }, 'a fetch could not be noted'))
      .finally(() => {
        running.delete(fetching)
        wakeUp()
      })
    running.add(fetching)
    return true
  }
  const wakeUp = () => {
    isWoken = true
    wake()
  }
  const sleep = async () => {
    if (isWoken) return
    const timer = setTimeout(wakeUp, options.adjust?.pollMs ?? usualPollMs)
    await new Promise<void>((resolve) => (wake = resolve))
    clearTimeout(timer)
  }
  const run = async () => {
    while (!stopping.signal.aborted) {
      isWoken = false
      try {
        while (!stopping.signal.aborted && running.size < config.PIN_FETCHES && (await begin()));
      } catch (error) {
        log.warn({ err: error }, 'requests to pin cannot be looked for')
      }
      await sleep()
    }
    await Promise.all(running)
  }
  const ended = run()
  return {
    wake: wakeUp,
    async [Symbol.asyncDispose]() {
      stopping.abort(new Error('The process stops.'))
      wakeUp()
      await ended
    },
  }
}
