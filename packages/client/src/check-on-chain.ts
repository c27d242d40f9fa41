import type { ProofDocument, ProofPlace } from '@keepsake/content/proof/document.ts'
import type { ProofReport, Statement } from '@keepsake/content/proof/report.ts'
import { reportOf } from '@keepsake/content/proof/report.ts'
import { checkDeal, type DealFinding } from '@keepsake/filecoin/check-deal.ts'
import { isDevnetName } from '@keepsake/filecoin/devnet-name.ts'
import { blocksOf, chainHead } from '@keepsake/filecoin/rpc/chain.ts'
import { openRpc, type Rpc } from '@keepsake/filecoin/rpc/client.ts'
import { networkName } from '@keepsake/filecoin/rpc/state.ts'
import type { TipSet } from '@keepsake/filecoin/rpc/tip-set.ts'
import { CID } from 'multiformats/cid'

export interface CheckOnChainOptions {
  /** Of nodes that speak Lotus JSON-RPC, one at least. */
  urls: readonly string[]
  signal: AbortSignal
  fetch?: typeof fetch
}

/** Whether a text is an address at which a node can be asked. */
export function isNodeUrl(text: string): boolean {
  return /^https?:$/.test(URL.parse(text)?.protocol ?? '')
}

const callTimeoutMs = 30_000
/** A chain has a block every half minute: a node whose newest one is older than this shows the past. */
const maxHeadAgeMs = 15 * 60_000
/** Clocks differ, also that of whoever asks. */
const driftMs = 60_000

/**
 * Asks Filecoin nodes for the deals that a proof names, and puts what they say in place of "not checked". The word of each node is taken for which tipset is
 * the head; everything below is checked against hashes. Where several are asked, what one of them denies is false.
 *
 * A deal that is not proving is false where the proof says that it is. What could not be asked is left.
 */
export async function checkOnChain(
  document: ProofDocument,
  report: ProofReport,
  options: CheckOnChainOptions,
): Promise<ProofReport> {
  const rest = report.statements.filter(({ check }) => check !== 'deals' && check !== 'proving')
  if (document.places.every(({ deals }) => deals.length === 0)) {
    const text =
      'Not shown: that a storage provider has the piece. The proof names no deal, so the Filecoin node was asked nothing.'
    return reportOf(document, [...rest, { check: 'deals', outcome: 'left', text }])
  }
  const { urls } = options
  const said = await Promise.all(urls.map((url) => askNode(document, url, options)))
  return reportOf(document, [...rest, ...(said.length === 1 ? said.flat() : namedByNode(urls, said))])
}

/** Who said what; and whether they agree, since that is why several are asked. */
function namedByNode(urls: readonly string[], said: readonly Statement[][]): Statement[] {
  const statements = said.flatMap((list, index) =>
    list.map((statement) => ({ ...statement, text: `By ${new URL(urls[index] as string).host}: ${statement.text}` })),
  )
  const answers = said.filter((list) => list.every(({ outcome }) => outcome !== 'left'))
  const [first, ...others] = answers.map((list) => list.map(({ check, outcome }) => `${check} ${outcome}`).join())
  if (others.every((other) => other === first)) return statements
  const text = 'The Filecoin nodes do not agree: one of them is behind, or shows a chain of its own.'
  return [...statements, { check: 'deals', outcome: 'left', text }]
}

async function askNode({ places }: ProofDocument, url: string, { signal, fetch }: CheckOnChainOptions): Promise<Statement[]> {
  const rpc = openRpc({ endpoints: [{ url }], timeoutMs: callTimeoutMs, ...(fetch && { fetch }) })
  try {
    const network = await networkName(rpc, { signal })
    const head = await chainHead(rpc, { signal })
    const fault = faultOfTime(head, new Date())
    if (fault) return [{ check: 'deals', outcome: 'left', text: `The Filecoin node says nothing of now: ${fault}.` }]
    const statements: Statement[] = []
    for (const [index, place] of places.entries())
      statements.push(...(await checkPlace({ rpc, network, head }, { place, index }, signal)))
    return statements
  } catch (error) {
    signal.throwIfAborted()
    return [{ check: 'deals', outcome: 'left', text: `The Filecoin node could not be asked: ${(error as Error).message}` }]
  }
}

/** Why what a head shows is not how the chain stands. */
function faultOfTime({ blocks }: TipSet, now: Date): string | undefined {
  const made = new Date((blocks[0]?.timestamp as number) * 1000)
  if (now.getTime() - made.getTime() > maxHeadAgeMs) return `its newest block is of ${made.toISOString()}`
  return made.getTime() > now.getTime() + driftMs ? `it shows a block of ${made.toISOString()}, which is to come` : undefined
}

async function checkPlace(
  { rpc, network, head }: { rpc: Rpc; network: string; head: TipSet },
  { place, index }: { place: ProofPlace; index: number },
  signal: AbortSignal,
): Promise<Statement[]> {
  const root = head.blocks[0]?.parentStateRoot as CID
  const get = blocksOf(rpc, { signal })
  const statements: Statement[] = []
  for (const { network: named, dealId, provider } of place.deals) {
    const about = `deal ${dealId} with ${provider} on ${named}${isDevnetName(named) ? ' (devnet: simulated storage providers)' : ''}`
    if (named !== network) {
      const text = `Not asked for: ${about}. The Filecoin node is of ${network}.`
      statements.push({ check: 'deals', outcome: 'left', text, place: index })
      continue
    }
    const { cidV1, paddedBytes } = place.piece
    const finding = await checkDeal(get, root, head.height, { dealId, provider, pieceCid: CID.parse(cidV1), paddedBytes })
    statements.push({ ...spoken(finding, about, head.height, isClaimedProving(place, provider, finding)), place: index })
  }
  return statements
}

/** Whether the proof says of this deal's sector that it is proven. */
function isClaimedProving({ deals, proving }: ProofPlace, provider: string, { sector }: DealFinding): boolean {
  const claims = proving.filter((one) => one.provider === provider)
  if (sector !== undefined) return claims.some((one) => one.sector === sector)
  // A deal that is in no sector: claimed of it, unless there is another that it may have been claimed of.
  return claims.length > 0 && claims.length >= deals.filter((one) => one.provider === provider).length
}

function spoken({ standing, text }: DealFinding, about: string, epoch: number, isClaimed: boolean): Omit<Statement, 'place'> {
  const at = ` By the state of the chain at epoch ${epoch}.`
  if (standing === 'none') return { check: 'deals', outcome: 'failed', text: `Not so: ${about}. ${text}${at}` }
  if (standing === 'proving') {
    return { check: 'proving', outcome: 'checked', text: `The piece is in ${about}. ${text}${at}` }
  }
  if (isClaimed)
    return { check: 'proving', outcome: 'failed', text: `Not proving, though the proof says so: ${about}. ${text}${at}` }
  return { check: 'deals', outcome: 'checked', text: `The piece is in ${about}. ${text}${at}` }
}
