import type { AbortOptions } from '@keepsake/content/block.ts'
import type { CID } from 'multiformats/cid'
import type { PinStatus } from '../database/schema.ts'

export const backendNames = ['embedded', 'cluster', 'pinata', 'psa', 'kubo'] as const
/** Another backend of contents, as `PIN_BACKENDS` names it. */
export type BackendName = (typeof backendNames)[number]

/** What a backend says of a root. */
export interface PinState {
  /** `absent`: the backend does not know the root. */
  status: PinStatus | 'absent'
  /** Why it failed, or how far it is, in the backend's words. */
  detail?: string | undefined
  /** Trying again cannot help: the backend will never take it. */
  isFinal?: boolean | undefined
}

/** A DAG that is whole in our shards. */
export interface Dag {
  root: CID
  /** What the backend may call it. */
  name: string
  /** All of it as a CARv1 with this one root, from the beginning each time, read as it is taken. */
  car(options?: AbortOptions): AsyncIterable<Uint8Array>
}

/** A root that was handed over, and when: services that list by time are asked from then on. */
export interface HandedOver {
  root: CID
  since: Date
}

/**
 * A place that keeps DAGs. One contract suite runs on every implementation.
 *
 * All calls throw a `BackendError`: `unavailable` when the place as a whole cannot be used now, `refused` when it is about this one root.
 */
export interface PinBackend extends AsyncDisposable {
  readonly name: BackendName
  /** Hands a DAG over: its bytes, or its CID with where to fetch it. Gives where it stands then; again is the same as once. */
  add(dag: Dag, options?: AbortOptions): Promise<PinState>
  /** Has the place try once more what it failed at, without the bytes. */
  recover?(root: CID, options?: AbortOptions): Promise<PinState>
  /**
   * Where roots stand now, by the text of their CIDv1. Few calls however many there are; a root that is not in the answer was not asked for
   * this time, because the calls for this minute are used up.
   */
  status(roots: readonly HandedOver[], options?: AbortOptions): Promise<Map<string, PinState>>
  /** Looks harder than `status` whether a root that is said to be pinned is really there. Absent where `status` is all one can ask. */
  audit?(root: CID, options?: AbortOptions): Promise<PinState>
  /** Ends the promise. One that is not there is no error. */
  remove(root: CID, options?: AbortOptions): Promise<void>
  /** Whether it can be used now, with our credentials. Gives what is worth knowing beside that. */
  check(options?: AbortOptions): Promise<string | undefined>
}

interface BackendErrorOptions extends ErrorOptions {
  /** HTTP status, where there was one. */
  status?: number | undefined
  /** The place asked to be left alone that long. */
  retryAfterMs?: number | undefined
  isFinal?: boolean | undefined
}

/** What went wrong at a backend. Its message is shown to whoever runs the server and to the owner of the content; it holds no credentials. */
export class BackendError extends Error {
  override readonly name = 'BackendError'
  readonly kind: 'unavailable' | 'refused'
  readonly status: number | undefined
  readonly retryAfterMs: number | undefined
  readonly isFinal: boolean

  constructor(kind: 'unavailable' | 'refused', message: string, options: BackendErrorOptions = {}) {
    super(message, options)
    this.kind = kind
    this.status = options.status
    this.retryAfterMs = options.retryAfterMs
    this.isFinal = options.isFinal ?? false
  }
}

/** The key of a root in the answer of `status`. */
export function rootKey(root: CID): string {
  return root.toV1().toString()
}
