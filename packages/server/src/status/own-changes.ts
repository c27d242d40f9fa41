import type { UploadsChanged } from '@keepsake/api/timeline.ts'
import type { Db } from '../database/database.ts'
import { listHolders } from '../uploads/uploads.ts'
import type { ContentChanges } from './content-changes.ts'

/** What comes in this time is told together: a thousand uploads a second are not a thousand events. */
const gatherMs = 300
/** With more of one user at once, the list is not worth sending. */
const maxNamedCids = 100
const maxContents = 5_000

interface Components {
  database: Db
  changes: ContentChanges
  log: { warn(fields: object, message: string): void }
}

type OnChange = (changed: UploadsChanged) => void

/** Tells users what became of their uploads. All users of this process share one look at who holds what. */
export interface OwnChanges {
  watch(userId: number, onChange: OnChange): Disposable
}

export function openOwnChanges({ database, changes, log }: Components): OwnChanges {
  const watchers = new Map<number, Set<OnChange>>()
  const everything: UploadsChanged = { cids: [], isAll: true }
  let gathered: Set<number> | 'any' | undefined
  let subscription: Disposable | undefined

  const tellAll = () => {
    for (const set of watchers.values()) for (const onChange of set) onChange(everything)
  }
  const flush = async () => {
    const due = gathered
    gathered = undefined
    if (due === undefined || watchers.size === 0) return
    if (due === 'any' || due.size > maxContents) return tellAll()
    const holders = await listHolders(database, { contentIds: [...due], userIds: [...watchers.keys()] })
    for (const [userId, cids] of holders) {
      const changed = cids.length > maxNamedCids ? everything : { cids, isAll: false }
      for (const onChange of watchers.get(userId) ?? []) onChange(changed)
    }
  }
  const gather = (contentIds: readonly number[] | undefined) => {
    if (gathered === undefined) {
      setTimeout(
        () =>
          void flush().catch((error: unknown) => {
            log.warn({ err: error }, 'who holds a content cannot be told yet')
            tellAll()
          }),
        gatherMs,
      ).unref()
      gathered = new Set()
    }
    if (contentIds === undefined || gathered === 'any') gathered = 'any'
    else for (const id of contentIds) gathered.add(id)
  }
  return {
    watch(userId, onChange) {
      subscription ??= changes.watchAll(gather)
      const set = watchers.get(userId) ?? new Set()
      watchers.set(userId, set.add(onChange))
      return {
        [Symbol.dispose]() {
          set.delete(onChange)
          if (set.size === 0 && watchers.get(userId) === set) watchers.delete(userId)
          if (watchers.size > 0) return
          subscription?.[Symbol.dispose]()
          subscription = undefined
        },
      }
    },
  }
}
