/** Why the portal says no, by the numbers that Spade gave it, and 4014, which is ours. Providers' tools branch on them. */
export const refusalSlugs = {
  4011: 'ErrOversizedPiece',
  4012: 'ErrStorageProviderSuspended',
  4013: 'ErrStorageProviderIneligibleToMine',
  4014: 'ErrStorageProviderPoorRetrieval',
  4020: 'ErrUnclaimedPieceCID',
  4021: 'ErrProviderHasReplica',
  4022: 'ErrTenantsOutOfDatacap',
  4023: 'ErrTooManyReplicas',
  4024: 'ErrProviderAboveMaxInFlight',
  4029: 'ErrReplicationRulesViolation',
  4030: 'ErrExternalReservationRefused',
  4041: 'ErrStorageProviderInfoTooOld',
  4042: 'ErrStorageProviderUndialable',
  4043: 'ErrStorageProviderUnsupported',
  4400: 'ErrInvalidRequest',
  4401: 'ErrUnauthorizedAccess',
  4503: 'ErrSystemTemporarilyDisabled',
} as const

export type RefusalCode = keyof typeof refusalSlugs

export interface Refusal {
  code: RefusalCode
  /** A sentence for whoever runs the provider. */
  line: string
}

/** The one number for several reasons: theirs where they agree, else 4029. */
export function codeOfAll(refusals: readonly Refusal[]): RefusalCode {
  const [first, ...others] = new Set(refusals.map(({ code }) => code))
  return first !== undefined && others.length === 0 ? first : 4029
}
