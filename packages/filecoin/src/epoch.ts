/** When a network began and how long its epochs are. */
export interface EpochClock {
  /** Unix time in seconds of epoch 0. */
  genesisSeconds: number
  epochSeconds: number
}

export const mainnetClock: EpochClock = { genesisSeconds: 1_598_306_400, epochSeconds: 30 }

export function epochAt({ genesisSeconds, epochSeconds }: EpochClock, date: Date): number {
  return Math.floor((date.getTime() / 1000 - genesisSeconds) / epochSeconds)
}

export function dateOf({ genesisSeconds, epochSeconds }: EpochClock, epoch: number): Date {
  return new Date((genesisSeconds + epoch * epochSeconds) * 1000)
}
