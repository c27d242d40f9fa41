/** Number of the method of any actor that only moves money. */
export const SEND = 0

/** Methods of the storage market, f05, that this network knows. */
export const market = { addBalance: 2, publishStorageDeals: 4 } as const

/** Methods of a storage provider's actor that this network knows. */
export const miner = {
  submitWindowedPoSt: 5,
  terminateSectors: 9,
  declareFaults: 10,
  declareFaultsRecovered: 11,
  preCommitSectorBatch2: 28,
  proveCommitSectors3: 34,
} as const
