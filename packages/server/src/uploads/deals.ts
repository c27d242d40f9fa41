import type { Nft } from '@keepsake/api/nft.ts'

export type Deals = Nft['deals']

/**
 * Finds the deals of contents, by the ids of those. Contents without any are not in the answer. Uploads come before deals in the flow, so what they
 * show of them is handed to them.
 */
export type FindDeals = (contentIds: readonly number[]) => Promise<ReadonlyMap<number, Deals>>
