import type { Nft } from '@keepsake/api/nft.ts'
import type { Timeline } from '@keepsake/api/timeline.ts'

/** The way of a file into Filecoin, in order. What is between `store` and `retrieve` happens by itself and is waited for. */
export const stageNames = ['store', 'batch', 'claim', 'publish', 'activate', 'prove', 'retrieve', 'extract', 'verify'] as const
export type StageName = (typeof stageNames)[number]

export const stageTexts: Record<StageName, string> = {
  store: 'stored, and its CID is what was computed here',
  batch: 'in an aggregate that has been validated',
  claim: 'claimed by storage providers',
  publish: 'deals are on the chain',
  activate: 'deals are in sectors',
  prove: 'sectors are proven',
  retrieve: 'fetched back from a storage provider, the same bytes',
  extract: 'taken out of the piece that it holds, the same bytes',
  verify: 'the proof holds, by what it gives back',
}

export const waitedFor = ['batch', 'claim', 'publish', 'activate', 'prove'] as const satisfies readonly StageName[]
export type WaitedStage = (typeof waitedFor)[number]

/** What the server says of a file, as anybody with the key of its owner can read it. */
export interface Standing {
  deals: Nft['deals']
  steps: Timeline['steps']
}

/** How many deals have come so far; of `batch`, whether it was packed. */
export function countOf(stage: WaitedStage, { deals, steps }: Standing): number {
  switch (stage) {
    case 'batch':
      return deals.length
    case 'claim':
      return deals.filter(({ miner, status }) => miner !== undefined && status !== 'terminated').length
    case 'publish':
      return deals.filter(({ status }) => status === 'published' || status === 'active').length
    case 'activate':
      return deals.filter(({ status }) => status === 'active').length
    case 'prove':
      return steps.filter(({ step, state }) => step.startsWith('deal:') && state === 'done').length
  }
}
