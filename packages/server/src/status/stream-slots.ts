import { KeepsakeError } from '../errors.ts'

/** Open pages and programs of one person; a tab closes its stream while it is hidden. */
const maxOfUser = 20
/** Each costs some kilobytes here, and a look at the database now and then. */
const maxOfProcess = 2_000

/** A place for one event stream; disposing of it frees the place. */
export interface StreamSlot extends Disposable {
  /** Aborted when the client goes or the server stops. */
  controller: AbortController
}

export interface StreamSlots {
  /** @throws KeepsakeError `ERROR_RATE_LIMITED` where there are too many */
  take(userId: number): StreamSlot
  /** Ends all streams, and takes no more. */
  close(): void
}

export function streamSlots(): StreamSlots {
  const open = new Set<AbortController>()
  const counts = new Map<number, number>()
  let isClosed = false
  return {
    take(userId) {
      const count = counts.get(userId) ?? 0
      if (isClosed) throw new KeepsakeError('ERROR_UNAVAILABLE', 'The server is stopping; try again.')
      if (count >= maxOfUser)
        throw new KeepsakeError(
          'ERROR_RATE_LIMITED',
          `An account may have ${maxOfUser} event streams open at once; this would be one more.`,
        )
      if (open.size >= maxOfProcess)
        throw new KeepsakeError(
          'ERROR_UNAVAILABLE',
          `The server has ${maxOfProcess} event streams open, which is all it can keep; try again later.`,
        )
      const controller = new AbortController()
      open.add(controller)
      counts.set(userId, count + 1)
      return {
        controller,
        [Symbol.dispose]() {
          if (!open.delete(controller)) return
          const left = (counts.get(userId) ?? 1) - 1
          if (left > 0) counts.set(userId, left)
          else counts.delete(userId)
        },
      }
    },
    close() {
      isClosed = true
      for (const controller of open) controller.abort()
    },
  }
}
