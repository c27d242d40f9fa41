import type { ProviderDetails } from './providers.ts'

export type ApplicationState = 'waiting' | 'approved' | 'declined'

/** A storage provider that asks to be registered, with what it says of itself. */
export interface Application extends ProviderDetails {
  id: number
  network: string
  actorId: number
  /** Where it came from. */
  place: string
  askedAt: Date
  state: ApplicationState
  decidedAt: Date | null
  decidedBy: string | null
  because: string | null
}
