import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { sharedData } from '../../../test/setup/shared-data.ts'
import { parseAddress } from '../src/address.ts'
import { type BlockHeader, blockCid, decodeBlockHeader, encodeBlockHeader } from '../src/block-header.ts'
import { ChainFormatError } from '../src/errors.ts'
import { decodeMessageMeta, encodeMessageMeta } from '../src/message.ts'
import { readChain } from './real-chain.ts'

const genesis = await readChain('mainnet-genesis-to-epoch3.car')
const openRpc = sharedData('filecoin/rpc/lotus-v1-openrpc-full.json.gz')

describe.skipIf(!genesis)('the headers of the first epochs of mainnet', () => {
  it('are written back as the same bytes, down to genesis', () => {
    let open = genesis!.roots
    const heights: number[] = []
    while (open.length > 0) {
      const headers = open.map((cid) => {
        const bytes = genesis!.get(cid)!
        const header = decodeBlockHeader(bytes)
        expect(encodeBlockHeader(header)).toEqual(bytes)
        expect(blockCid(header).equals(cid)).toBe(true)
        const meta = genesis!.get(header.messages)
        if (meta) expect(encodeMessageMeta(decodeMessageMeta(meta))).toEqual(meta)
        return header
      })
      heights.push(headers[0]!.height)
      // What genesis names as its parent is no header.
      open = headers[0]!.height === 0 ? [] : headers[0]!.parents
    }
    expect(heights).toEqual([3, 2, 1, 0])
  })

  it('are refused when a byte is missing or one too many', () => {
    const bytes = genesis!.get(genesis!.roots[0]!)!
    expect(() => decodeBlockHeader(bytes.subarray(0, -1))).toThrow(ChainFormatError)
    expect(() => decodeBlockHeader(Uint8Array.of(...bytes, 0))).toThrow(ChainFormatError)
  })

  it('never end otherwise than with a header or a refusal when bytes are changed', () => {
    const bytes = genesis!.get(genesis!.roots[0]!)!
    for (let at = 0; at < bytes.length; at++) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const changed = bytes.slice()
        changed[at]! ^= flip
        try {
          decodeBlockHeader(changed)
        } catch (error) {
          expect(error).toBeInstanceOf(ChainFormatError)
        }
      }
    }
  })
})

interface Link {
  '/': string
}

interface HeaderJson {
  Miner: string
  Ticket: { VRFProof: string }
  ElectionProof: { WinCount: number; VRFProof: string }
  BeaconEntries: { Round: number; Data: string }[]
  WinPoStProof: { PoStProof: number; ProofBytes: string }[]
  Parents: Link[]
  ParentWeight: string
  Height: number
  ParentStateRoot: Link
  ParentMessageReceipts: Link
  Messages: Link
  BLSAggregate: { Type: number; Data: string }
  Timestamp: number
  BlockSig: { Type: number; Data: string }
  ForkSignaling: number
  ParentBaseFee: string
}

const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text, 'base64'))
const cidOf = (link: Link) => CID.parse(link['/'])
const blsSignature = ({ Data }: { Data: string }) => ({ kind: 'bls' as const, bytes: bytesOf(Data) })

function fromJson(json: HeaderJson): BlockHeader {
  return {
    miner: parseAddress(json.Miner),
    ticket: bytesOf(json.Ticket.VRFProof),
    electionProof: { winCount: json.ElectionProof.WinCount, vrfProof: bytesOf(json.ElectionProof.VRFProof) },
    beaconEntries: json.BeaconEntries.map(({ Round, Data }) => ({ round: Round, data: bytesOf(Data) })),
    winPostProofs: json.WinPoStProof.map(({ PoStProof, ProofBytes }) => ({ type: PoStProof, bytes: bytesOf(ProofBytes) })),
    parents: json.Parents.map(cidOf),
    parentWeight: BigInt(json.ParentWeight),
    height: json.Height,
    parentStateRoot: cidOf(json.ParentStateRoot),
    parentMessageReceipts: cidOf(json.ParentMessageReceipts),
    messages: cidOf(json.Messages),
    blsAggregate: blsSignature(json.BLSAggregate),
    timestamp: json.Timestamp,
    blockSignature: blsSignature(json.BlockSig),
    forkSignaling: json.ForkSignaling,
    parentBaseFee: BigInt(json.ParentBaseFee),
  }
}

it.skipIf(!openRpc)('a header of mainnet in 2025, as a node shows it, has the CID the node gives it', () => {
  const document = JSON.parse(gunzipSync(readFileSync(openRpc!)).toString()) as {
    methods: { name: string; result: { schema: { examples: { Cids: Link[]; Blocks: HeaderJson[] }[] } } }[]
  }
  const [head] = document.methods.find(({ name }) => name === 'Filecoin.ChainHead')!.result.schema.examples
  const header = fromJson(head!.Blocks[0]!)
  expect(encodeBlockHeader(header).length).toBe(996)
  expect(blockCid(header).toString()).toBe(head!.Cids[0]!['/'])
})
