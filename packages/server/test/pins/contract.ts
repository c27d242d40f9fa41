import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Dag, PinBackend, PinState } from '../../src/pins/backend.ts'
import { rootKey } from '../../src/pins/backend.ts'
import { unknownRoot } from './dags.ts'

export interface BackendUnderTest {
  backend: PinBackend
  /** A DAG that is whole here; the same for the same seed. */
  dag(seed: string): Promise<Dag>
  /** Whether it is sent the bytes, or only told the CID. */
  takesBytes: boolean
  /** Our own shards keep what they have: others are asked to end a promise. */
  removes: boolean
  /** Has a stand-in finish what it is fetching. */
  finish?(): void
  /** Ends what the backend needs; the contract closes the backend itself. */
  end(): Promise<void>
}

const waitMs = 20_000

/** What every `PinBackend` keeps to. `open` gives undefined where its program is not there. */
export function pinBackendContract(name: string, open: () => Promise<BackendUnderTest | undefined>): void {
  describe(`${name} as a pin backend`, () => {
    let tested: BackendUnderTest
    beforeAll(async () => {
      const opened = await open()
      if (opened) tested = opened
    })
    afterAll(async () => {
      await tested?.backend[Symbol.asyncDispose]()
      await tested?.end()
    })
    const test = (sentence: string, check: () => Promise<void>) =>
      it(sentence, async (context) => {
        if (!tested) return context.skip('its program is not there')
        await check()
      })

    const stateOf = async ({ root }: Pick<Dag, 'root'>): Promise<PinState | undefined> =>
      (await tested.backend.status([{ root, since: new Date(Date.now() - 60_000) }])).get(rootKey(root))
    const until = async (dag: Dag, status: PinState['status']) => {
      const end = Date.now() + waitMs
      for (;;) {
        const state = await stateOf(dag)
        if (state?.status === status || Date.now() > end) return state
        await sleep(50)
      }
    }
    const pin = async (seed: string) => {
      const dag = await tested.dag(seed)
      await tested.backend.add(dag)
      tested.finish?.()
      expect(await until(dag, 'pinned')).toMatchObject({ status: 'pinned' })
      return dag
    }

    test('can be used', async () => {
      expect(await tested.backend.check()).toBeUndefined()
    })

    test('knows nothing of a root that nobody gave it', async () => {
      expect(await stateOf({ root: await unknownRoot(name) })).toEqual({ status: 'absent' })
    })

    test('pins what it is given, and the same again', async () => {
      const dag = await pin('first')
      await tested.backend.add(dag)
      tested.finish?.()
      expect(await until(dag, 'pinned')).toMatchObject({ status: 'pinned' })
    })

    test('tells of every one of many, few as the calls are', async () => {
      const pinned = [await pin('second'), await pin('third')]
      const unknown = await Promise.all(Array.from({ length: 130 }, (_, index) => unknownRoot(`${name} ${index}`)))
      const roots = [...unknown.slice(0, 70), ...pinned.map(({ root }) => root), ...unknown.slice(70)]
      const states = await tested.backend.status(roots.map((root) => ({ root, since: new Date(Date.now() - 60_000) })))
      expect(states.size).toBe(roots.length)
      const found = roots.filter((root) => states.get(rootKey(root))?.status === 'pinned')
      expect(found.map(String)).toEqual(pinned.map(({ root }) => String(root)))
    })

    test('ends a promise, and takes no offence at one it never gave', async () => {
      if (!tested.removes) return
      const dag = await pin('fourth')
      await tested.backend.remove(dag.root)
      expect(await until(dag, 'absent')).toEqual({ status: 'absent' })
      await tested.backend.remove(dag.root)
      await tested.backend.remove(await unknownRoot(`${name} removed`))
    })

    test('stops when it is told to', async () => {
      const dag = await tested.dag('fifth')
      const reason = new Error('enough')
      const aborted = AbortSignal.abort(reason)
      await expect(tested.backend.status([{ root: dag.root, since: new Date() }], { signal: aborted })).rejects.toThrow('enough')
      await expect(tested.backend.add(dag, { signal: aborted })).rejects.toThrow('enough')
    })

    test('does not pin a DAG that breaks off while it is read', async () => {
      if (!tested.takesBytes) return
      const dag = await tested.dag('sixth')
      const broken: Dag = {
        ...dag,
        async *car(options) {
          for await (const chunk of dag.car(options)) {
            yield chunk
            break
          }
          throw new Error('the disk is gone')
        },
      }
      await expect(tested.backend.add(broken)).rejects.toThrow('the disk is gone')
      expect((await stateOf(dag))?.status).not.toBe('pinned')
    })
  })
}
