import { CID } from 'multiformats/cid'
import type { PinState } from '../backend.ts'
import { rootKey } from '../backend.ts'

/** What Pinata calls the stages of fetching a CID, in both of its APIs; one is spelled in two ways. */
const stages: Record<string, PinState> = {
  prechecking: { status: 'queued' },
  searching: { status: 'pinning', detail: 'Pinata is searching for it' },
  retrieving: { status: 'pinning' },
  retreiving: { status: 'pinning' },
  backfilled: { status: 'pinning' },
  expired: { status: 'failed', detail: 'Pinata did not find it within a day' },
  over_free_limit: { status: 'failed', detail: 'it is over the limit of the Pinata account' },
  over_max_size: { status: 'failed', detail: 'it is larger than Pinata takes', isFinal: true },
  invalid_object: { status: 'failed', detail: 'Pinata says that it is not an IPFS object', isFinal: true },
  bad_host_node: { status: 'failed', detail: 'Pinata could not use the addresses of our peer' },
}

/** A stage that is not known is one on the way: nothing is called pinned before Pinata lists it as a file. */
export function stateOfStage(stage: unknown): PinState {
  return stages[String(stage).toLowerCase()] ?? { status: 'pinning', detail: `Pinata says "${String(stage).slice(0, 50)}"` }
}

/** The root an object of Pinata is about. */
export function keyOf(value: unknown, ...fields: string[]): string | undefined {
  for (const field of fields) {
    const text = ((value ?? {}) as Record<string, unknown>)[field]
    if (typeof text !== 'string') continue
    try {
      return rootKey(CID.parse(text))
    } catch {
      // Not a CID: not one of ours.
    }
  }
  return undefined
}
