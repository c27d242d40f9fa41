/** Calls that may be made in a minute: used up evenly, so that they last. */
export interface CallBudget {
  /** False where none is left for now. */
  take(): boolean
  /** When the next one may be made. */
  readonly nextAt: Date
}

/** Part of a minute's calls that may be made at once, after a pause. */
const burstShare = 0.5

/** A token bucket: in no minute more than `perMinute` calls once it has been emptied, whatever is asked of it. */
export function callBudget(perMinute: number, now: () => number = Date.now): CallBudget {
  const most = Math.max(1, perMinute * burstShare)
  // What flows in while the bucket is emptied counts to the same minute.
  const perMs = (perMinute - most) / 60_000 || perMinute / 60_000
  let left = most
  let at = now()
  const refill = () => {
    const to = now()
    left = Math.min(most, left + (to - at) * perMs)
    at = to
  }
  return {
    take() {
      refill()
      if (left < 1) return false
      left--
      return true
    },
    get nextAt() {
      refill()
      return new Date(now() + Math.max(0, Math.ceil((1 - left) / perMs)))
    },
  }
}
