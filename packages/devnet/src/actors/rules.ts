/** What this network asks of those who take part, in epochs. */
export interface Rules {
  /** A proof is taken until so long after its window opened; less than 46, so that a window is over before it opens again. */
  proofGraceEpochs: number
  /** A sector that is faulty for so long is terminated. */
  faultPatienceEpochs: number
  /** A slashed deal stays readable for so long. */
  slashedKeptEpochs: number
  /** From a pre-commitment to the beacon entry that chooses the leaves to be shown. */
  preCommitDelayEpochs: number
  /** A pre-commitment that is not proven is forgotten after so long. */
  preCommitMaxEpochs: number
  /** Of a sector, from now on. */
  maxSectorEpochs: number
  minDealEpochs: number
  maxDealEpochs: number
  /** After so many epochs without a block the node was away, and nobody can be blamed for what he did not prove meanwhile. */
  awayEpochs: number
}

export const defaultRules: Rules = {
  proofGraceEpochs: 24,
  faultPatienceEpochs: 480,
  slashedKeptEpochs: 48,
  preCommitDelayEpochs: 1,
  preCommitMaxEpochs: 600,
  maxSectorEpochs: 5 * 365 * 2_880,
  minDealEpochs: 60,
  maxDealEpochs: 1_278 * 2_880,
  awayEpochs: 4,
}
