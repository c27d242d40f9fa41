import type { DealProposal } from '@keepsake/filecoin/actors/deal-proposal.ts'
import { encodeDealProposal } from '@keepsake/filecoin/actors/deal-proposal.ts'
import { type DealState, encodeDealState, encodeMarketState } from '@keepsake/filecoin/actors/market.ts'
import { encodeAddress, idAddress } from '@keepsake/filecoin/address.ts'
import { buildAmt } from '@keepsake/filecoin/amt-build.ts'
import { bitfieldOf, encodeBitfield } from '@keepsake/filecoin/bitfield.ts'
import { type BlockHeader, blockCid, encodeBlockHeader } from '@keepsake/filecoin/block-header.ts'
import { byteString, encode, integer, link, nothing, type Piece, text, tuple } from '@keepsake/filecoin/cbor/writer.ts'
import { chainCid } from '@keepsake/filecoin/cid.ts'
import { buildHamt } from '@keepsake/filecoin/hamt-build.ts'
import { bytesJson, cidJson } from '@keepsake/filecoin/rpc/json.ts'
import type { Signer } from '@keepsake/filecoin/signature.ts'
import { buildStateTree } from '@keepsake/filecoin/state-tree.ts'
import { CID } from 'multiformats/cid'
import { startNode } from '../../../../filecoin/test/rpc-node.ts'
import { headerJson } from '../../chain/header-json.ts'

/** A sector in a partition of its provider. */
export interface TestSector {
  sector: number
  deadline: number
  isFaulty?: boolean
  isUnproven?: boolean
  isTerminated?: boolean
  isPosted?: boolean
}

/** Everything the chain says at one tipset. */
export interface TestState {
  /** By id. */
  deals: Map<number, { proposal: DealProposal; state?: DealState }>
  nextDealId: number
  /** By actor id. */
  sectors: Map<number, TestSector[]>
  provingPeriodStart: number
  /** A field more than the market of any known version has. */
  isOfTheFuture: boolean
}

interface TestTipSet {
  cid: CID
  header: BlockHeader
}

/** What a node does instead of answering well. */
export type Fault =
  | 'none'
  | 'hangs'
  | 'lies about blocks'
  | 'gives another tipset'
  | 'refuses with status 200'
  | 'speaks nonsense'
  | 'shows the future'
  | 'is behind'
  | 'has gone back in time'
  | 'is on a fork that weighs less'
  | 'is on a fork of its own'

/** What each tipset of the chain adds to its weight. */
const weightPerEpoch = 10n

/** Networks have a number for every address; ours is this. */
const clientActor = 1234

/** A block is of no time that has not come: with epochs of a second, so many can pass at once. */
const maxEpochs = 200

/** A chain in memory, and real nodes on loopback that tell of it. */
export function openTestChain(client: Signer, genesisSeconds = Math.floor(Date.now() / 1000) - maxEpochs) {
  const blocks = new Map<string, Uint8Array>()
  const put = (bytes: Uint8Array): CID => {
    const cid = chainCid(bytes)
    blocks.set(cid.toString(), bytes)
    return cid
  }
  const emptyAmt = buildAmt(put, [], 3)
  const emptyHamt = buildHamt(put, [])
  const bits = (...numbers: number[]) => byteString(encodeBitfield(bitfieldOf(numbers)))
  const none = byteString(new Uint8Array())
  const power = tuple(none, none)

  function partitionOf(sectors: readonly TestSector[]): Uint8Array {
    const those = (is: (one: TestSector) => boolean | undefined) => bits(...sectors.filter(is).map(({ sector }) => sector))
    const sets = [those(() => true), those((s) => s.isUnproven), those((s) => s.isFaulty), bits(), those((s) => s.isTerminated)]
    return encode(tuple(...sets, link(emptyAmt), link(emptyAmt), power, power, power, power))
  }

  function deadlineOf(sectors: readonly TestSector[]): Piece {
    const entries = sectors.length > 0 ? [{ index: 0, value: partitionOf(sectors) }] : []
    const posted = sectors.some(({ isPosted }) => isPosted) ? bits(0) : bits()
    return link(put(encode(tuple(link(buildAmt(put, entries, 3)), link(emptyAmt), posted))))
  }

  function minerOf(sectors: readonly TestSector[], { provingPeriodStart }: TestState): CID {
    const infos = sectors
      .filter(({ isTerminated }) => !isTerminated)
      .map(({ sector }) => ({
        index: sector,
        value: encode(tuple(integer(sector), integer(8), link(emptyAmt), tuple(), integer(1), integer(1_000_000))),
      }))
    const deadlines = Array.from({ length: 48 }, (_, index) => deadlineOf(sectors.filter(({ deadline }) => deadline === index)))
    const fields = [
      ...Array.from({ length: 9 }, nothing),
      link(buildAmt(put, infos, 5)),
      integer(provingPeriodStart),
      integer(0),
      link(put(encode(tuple(tuple(...deadlines))))),
    ]
    return put(encode(tuple(...fields, nothing(), nothing())))
  }

  function marketOf({ deals, nextDealId, isOfTheFuture }: TestState): CID {
    const proposals = [...deals].map(([index, { proposal }]) => ({ index, value: encodeDealProposal(proposal) }))
    const states = [...deals].flatMap(([index, { state }]) => (state ? [{ index, value: encodeDealState(state) }] : []))
    if (isOfTheFuture) return put(encode(tuple(...Array.from({ length: 14 }, nothing))))
    return put(
      encodeMarketState({
        layout: 'v13',
        proposals: buildAmt(put, proposals, 5),
        states: buildAmt(put, states, 6),
        pendingProposals: emptyHamt,
        escrowTable: emptyHamt,
        lockedTable: emptyHamt,
        nextDealId,
        dealOpsByEpoch: emptyHamt,
        lastCron: 0,
        totalClientLockedCollateral: 0n,
        totalProviderLockedCollateral: 0n,
        totalClientStorageFee: 0n,
        pendingDealAllocationIds: emptyHamt,
        providerSectors: emptyHamt,
      }),
    )
  }

  function stateRootOf(state: TestState): CID {
    const addresses = buildHamt(put, [{ key: encodeAddress(client.address), value: encode(integer(clientActor)) }])
    const init = put(encode(tuple(link(addresses), integer(9_999), text(new TextEncoder().encode('test')))))
    const code = CID.createV1(0x55, chainCid(new Uint8Array()).multihash)
    const actor = (id: number, head: CID) => ({
      id: idAddress(id),
      actor: { code, head, nonce: 0, balance: 0n, delegatedAddress: null },
    })
    const miners = [...state.sectors].map(([id, sectors]) => actor(id, minerOf(sectors, state)))
    return buildStateTree(put, [actor(1, init), actor(5, marketOf(state)), ...miners])
  }

  function addTipSet(
    parent: TestTipSet | undefined,
    height: number,
    state: TestState,
    { salt = 0, weight = weightPerEpoch }: { salt?: number; weight?: bigint } = {},
  ): TestTipSet {
    const header: BlockHeader = {
      miner: idAddress(1000),
      ticket: Uint8Array.of(salt),
      electionProof: null,
      beaconEntries: [],
      winPostProofs: [],
      parents: parent ? [parent.cid] : [],
      parentWeight: parent ? parent.header.parentWeight + weight : 0n,
      height,
      parentStateRoot: stateRootOf(state),
      parentMessageReceipts: emptyAmt,
      messages: emptyAmt,
      blsAggregate: null,
      timestamp: genesisSeconds + height,
      blockSignature: null,
      forkSignaling: 0,
      parentBaseFee: 100n,
    }
    const tipSet = { cid: blockCid(header), header }
    blocks.set(tipSet.cid.toString(), encodeBlockHeader(header))
    known.set(tipSet.cid.toString(), tipSet)
    return tipSet
  }

  const known = new Map<string, TestTipSet>()
  const state: TestState = {
    deals: new Map(),
    nextDealId: 100,
    sectors: new Map(),
    provingPeriodStart: 0,
    isOfTheFuture: false,
  }
  const genesis = addTipSet(undefined, 0, state)
  /** From genesis on. */
  let tipSets = [genesis]

  /** Parts from the chain some tipsets ago, is longer, and knows of no deals. */
  function lighterFork(): TestTipSet {
    let head = tipSets.at(-4) as TestTipSet
    const empty = { ...state, deals: new Map() }
    for (let i = 0; i < 5; i++) head = addTipSet(head, head.header.height + 1, empty, { salt: 9, weight: 1n })
    return head
  }

  /** Another block in place of one. */
  function forkAt({ header }: TestTipSet): TestTipSet {
    return addTipSet(tipSets[header.height - 1], header.height, state, { salt: 11 })
  }

  function headShown(fault: Fault): TestTipSet | undefined {
    if (fault === 'is behind' || fault === 'has gone back in time') return tipSets.at(-3)
    if (fault === 'is on a fork that weighs less') return lighterFork()
    if (fault === 'shows the future') return addTipSet(headOf(), headOf().header.height + 1_000, state)
    return headOf()
  }

  const shown = ({ cid, header }: TestTipSet) => ({
    Cids: [cidJson(cid)],
    Blocks: [headerJson(header)],
    Height: header.height,
  })
  const headOf = () => tipSets.at(-1) as TestTipSet

  return {
    state,
    get head() {
      return headOf()
    },
    /** So many epochs pass, and the state at the end of them is as `state` says. */
    pass(epochs = 1) {
      for (let i = 0; i < epochs; i++) tipSets.push(addTipSet(headOf(), headOf().header.height + 1, state))
    },
    /** The last tipsets are not part of the chain any more; as many others, and one more, are instead. */
    reorganise(depth: number) {
      tipSets = tipSets.slice(0, -depth)
      for (let i = 0; i <= depth; i++) tipSets.push(addTipSet(headOf(), headOf().header.height + 1, state, { salt: 7 }))
    },
    publish(proposal: DealProposal, sameAs?: number): number {
      const id = sameAs ?? state.nextDealId++
      state.deals.set(id, { proposal: { ...proposal, client: idAddress(clientActor) } })
      return id
    },
    activate(id: number, sector: number) {
      const startedAt = headOf().header.height
      const deal = state.deals.get(id)!
      deal.state = { sector, sectorStartEpoch: startedAt, lastUpdatedEpoch: -1, slashEpoch: -1 }
    },
    async startNode(fault: { is: Fault } = { is: 'none' }) {
      return await startNode((method, params) => {
        if (fault.is === 'hangs') return () => {}
        if (fault.is === 'speaks nonsense') return { result: [{ '/': 7 }] }
        if (fault.is === 'refuses with status 200') return { error: { code: 1, message: 'the node is synchronising' } }
        const answer = (result: unknown) => ({ result })
        const one = (found: TestTipSet | undefined) =>
          found ? answer(shown(found)) : { error: { code: 1, message: 'no such tipset' } }
        switch (method) {
          case 'StateNetworkName':
            return answer('keepsake-devnet-0badcafe')
          case 'ChainGetGenesis':
            return one(genesis)
          case 'ChainHead':
            return one(headShown(fault.is))
          case 'ChainGetTipSet': {
            if (fault.is === 'gives another tipset') return one(genesis)
            const found = known.get((params[0] as { '/': string }[])[0]!['/'])
            const hasGone = fault.is === 'has gone back in time' && tipSets.slice(-2).includes(found as TestTipSet)
            return one(hasGone ? undefined : found)
          }
          case 'ChainGetTipSetByHeight': {
            const found = tipSets.find(({ header }) => header.height === params[0])
            return one(fault.is === 'is on a fork of its own' ? found && forkAt(found) : found)
          }
          case 'ChainReadObj': {
            const bytes = blocks.get((params[0] as { '/': string })['/'])
            if (!bytes) return { error: { code: 1, message: 'blockstore: not found' } }
            return answer(bytesJson(fault.is === 'lies about blocks' ? bytes.with(0, bytes[0]! ^ 1) : bytes))
          }
          default:
            return { error: { code: -32601, message: `method ${method} not found` } }
        }
      })
    },
    /** Nodes have only so much of the past. */
    forget(cid: CID) {
      blocks.delete(cid.toString())
    },
  }
}

export type TestChain = ReturnType<typeof openTestChain>
