import { CID } from 'multiformats/cid'
import type { BlobStore } from '../blobs/blobs.ts'
import type { Db } from '../database/database.ts'
import type { PinBackend, PinState } from './backend.ts'
import { rootKey } from './backend.ts'
import { findStandings } from './store/contents.ts'

interface Components {
  database: Db
  blobs: BlobStore
  /** All of a DAG as a CAR, every block checked against its CID. */
  carOf(root: CID, signal?: AbortSignal): AsyncIterable<Uint8Array>
}

/** Our own shards. A root is pinned here once its DAG is complete, so there is nothing to hand over: `add` reads all of it and checks every hash. */
export function embeddedBackend({ database, blobs, carOf }: Components): PinBackend {
  const stateOf = ({ completeAt }: { completeAt: Date | null }): PinState => ({ status: completeAt ? 'pinned' : 'pinning' })
  const status: PinBackend['status'] = async (roots, { signal } = {}) => {
    signal?.throwIfAborted()
    const known = await findStandings(
      database,
      roots.map(({ root }) => root),
    )
    const states = new Map<string, PinState>(roots.map(({ root }) => [rootKey(root), { status: 'absent' }]))
    for (const standing of known) states.set(CID.decode(standing.cid).toString(), stateOf(standing))
    return states
  }
  const readAll = async (root: CID, signal: AbortSignal | undefined): Promise<PinState> => {
    const state = (await status([{ root, since: new Date(0) }])).get(rootKey(root)) as PinState
    if (state.status !== 'pinned') return state
    for await (const _ of carOf(root, signal));
    return state
  }
  return {
    name: 'embedded',
    status,
    add: async ({ root }, { signal } = {}) => await readAll(root, signal),
    audit: async (root, { signal } = {}) => await readAll(root, signal),
    // The collector deletes what nobody holds.
    remove: async () => {},
    async check() {
      await blobs.check()
      return undefined
    },
    [Symbol.asyncDispose]: async () => {},
  }
}
