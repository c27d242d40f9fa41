import { decodeDealProposal } from '../packages/filecoin/src/actors/deal-proposal.ts'
import { decodeMarketState } from '../packages/filecoin/src/actors/market.ts'
import { idAddress } from '../packages/filecoin/src/address.ts'
import { amtLeaves } from '../packages/filecoin/src/amt.ts'
import { decodeBlockHeader } from '../packages/filecoin/src/block-header.ts'
import { findActor } from '../packages/filecoin/src/state-tree.ts'
import { type ChainBlocks, readChain } from '../packages/filecoin/test/real-chain.ts'
import { ratio, report } from './report.ts'

const goalPerSecond = 100_000
const measureMs = 3_000
const market = idAddress(5)

/** Root of the deals that mainnet began with. */
async function dealsOf({ roots, get }: ChainBlocks) {
  let header = decodeBlockHeader(get(roots[0]!)!)
  while (header.height > 0) header = decodeBlockHeader(get(header.parents[0]!)!)
  const actor = await findActor(get, header.parentStateRoot, market)
  return decodeMarketState(get(actor!.head)!).proposals
}

/** How often a second `once` does what it counts. */
async function perSecond(once: () => Promise<number> | number): Promise<number> {
  // Compiled by then.
  for (let warm = 0; warm < 20; warm++) await once()
  const startedAt = performance.now()
  let count = 0
  while (performance.now() - startedAt < measureMs) count += await once()
  return (count * 1000) / (performance.now() - startedAt)
}

/** Reading the market's deals out of its array, from memory: real ones of mainnet, every field. */
export async function benchDeals(): Promise<void> {
  const chain = await readChain('mainnet-genesis-to-epoch3.car')
  if (!chain) return void process.stdout.write('skipped: the chain of mainnet is not in the folder of shared data\n')
  const root = await dealsOf(chain)
  const read = await perSecond(async () => {
    let count = 0
    for await (const leaf of amtLeaves(chain.get, root))
      for (const { value } of leaf) if (decodeDealProposal(value).endEpoch > 0) count++
    return count
  })
  const json = Array.from({ length: 2304 }, (_, index) => JSON.stringify({ ...jsonDeal, StartEpoch: index }))
  const parsed = await perSecond(() => json.filter((text) => JSON.parse(text).EndEpoch > 0).length)
  report(
    'market deals decoded, from memory',
    `${Math.round(read)} a second`,
    `${ratio(read / parsed)} of JSON.parse of as many (${Math.round(parsed)})`,
    { text: `${goalPerSecond} a second`, met: read >= goalPerSecond },
  )
}

/** A deal as StateMarketDeals writes it. */
const jsonDeal = {
  PieceCID: { '/': 'baga6ea4seaqnfhocd544oidrgsss2ahoaomvxuaqxfmlsizljtzsuivjl5hamka' },
  PieceSize: 34359738368,
  VerifiedDeal: false,
  Client: 'f0100',
  Provider: 'f01000',
  Label: 'bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi',
  StartEpoch: 0,
  EndEpoch: 1540000,
  StoragePricePerEpoch: '0',
  ProviderCollateral: '8000000000000000',
  ClientCollateral: '0',
}
