import type { Database } from '../database/database.ts'
import { listen } from '../database/listen.ts'
import type { DatabaseLogger } from '../database/logger.ts'
import { contentChannel, parseContentPayload } from '../jobs/content-changes.ts'

/** Is told that something became of contents; `undefined` where it may be any of them. */
type OnChange = (contentIds: readonly number[] | undefined) => void

/** What becomes of contents, in whatever process it happens. */
export interface ContentChanges extends AsyncDisposable {
  /** Calls `onChange` after something became of this content, or may have. */
  watch(contentId: number, onChange: () => void): Disposable
  watchAll(onChange: OnChange): Disposable
}

/** Nothing is asked of the database before somebody watches. */
export function openContentChanges({ database, log }: { database: Pick<Database, 'pool'>; log: DatabaseLogger }): ContentChanges {
  const watchers = new Map<number, Set<() => void>>()
  const all = new Set<OnChange>()
  const tell = (contentIds: readonly number[] | undefined) => {
    for (const onChange of all) onChange(contentIds)
    for (const id of contentIds ?? watchers.keys()) for (const onChange of watchers.get(id) ?? []) onChange()
  }
  let listener: AsyncDisposable | undefined
  const begin = () => {
    listener ??= listen({
      pool: database.pool,
      channel: contentChannel,
      onNotice: (payload) => tell(parseContentPayload(payload)),
      // What happened while nobody listened was told to nobody.
      onListening: () => tell(undefined),
      logger: log,
    })
  }
  return {
    watch(contentId, onChange) {
      begin()
      const set = watchers.get(contentId) ?? new Set()
      watchers.set(contentId, set.add(onChange))
      return {
        [Symbol.dispose]() {
          set.delete(onChange)
          if (set.size === 0 && watchers.get(contentId) === set) watchers.delete(contentId)
        },
      }
    },
    watchAll(onChange) {
      begin()
      all.add(onChange)
      return { [Symbol.dispose]: () => void all.delete(onChange) }
    },
    async [Symbol.asyncDispose]() {
      await listener?.[Symbol.asyncDispose]()
    },
  }
}
