import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeWhole } from './write-whole.ts'

/**
 * How far a deal has come here:
 * `agreed` its terms are fine; `stored` the bytes are on the disk and are the piece; `published` the chain knows the deal; `committed` it is in a sector.
 * `refused` is the end of one that is not what it should be, `ended` of one that the chain ended.
 */
export type Stage = 'agreed' | 'stored' | 'published' | 'committed' | 'refused' | 'ended'

/** What a provider knows of a deal, as it is on its disk. */
export interface HeldDeal {
  proposalCid: string
  /** The signed proposal in CBOR, in base64. */
  signedProposal: string
  pieceCidV2: string
  sources: string[]
  stage: Stage
  /** Why it was refused or ended. */
  reason?: string
  /** Since it was published. */
  dealId?: number
  /** Since a sector was chosen for it. */
  sector?: number
  /** The message that takes it to the next stage, while it is on its way. */
  message?: SentMessage
  /** Do not try the next step before this time (Unix, ms): the last try failed. */
  restUntil?: number
  failures?: number
}

/** A signed message, kept so that the very same one is sent again after a crash. */
export interface SentMessage {
  purpose: 'publish' | 'pre-commit' | 'prove-commit'
  cid: string
  /** The signed message in CBOR, in base64. */
  bytes: string
  /** The epoch in which it was sent first. */
  epoch: number
}

/** The deals of one provider, each a file: what is changed is on the disk before the change is acted on. */
export interface HeldDeals {
  list(): HeldDeal[]
  find(proposalCid: string): HeldDeal | undefined
  save(deal: HeldDeal): Promise<void>
}

export async function openHeldDeals(directory: string): Promise<HeldDeals> {
  await mkdir(directory, { recursive: true })
  const deals = new Map<string, HeldDeal>()
  for (const name of await readdir(directory)) {
    if (!name.endsWith('.json')) continue
    const deal = JSON.parse(await readFile(join(directory, name), 'utf8')) as HeldDeal
    deals.set(deal.proposalCid, deal)
  }
  return {
    list: () => [...deals.values()],
    find: (proposalCid) => deals.get(proposalCid),
    async save(deal) {
      await writeWhole(join(directory, `${deal.proposalCid}.json`), JSON.stringify(deal, null, 2))
      deals.set(deal.proposalCid, deal)
    },
  }
}
