import type { CID } from 'multiformats/cid'
import { type Address, formatAddress, type NetworkPrefix, parseAddress } from '../address.ts'
import type { Actor } from '../state-tree.ts'
import { callFor } from './chain.ts'
import type { CallOptions, Rpc } from './client.ts'
import { amount, bytes, cid, cidJson, list, object, string, whole } from './json.ts'
import { tipSetKey } from './tip-set.ts'

/** Which state is asked for: that of a tipset, or of the head; and how addresses are spelled on this network. */
export interface StateOptions extends CallOptions {
  tipSet?: readonly CID[]
  prefix?: NetworkPrefix
}

function at({ tipSet }: StateOptions): unknown {
  return tipSetKey(tipSet)
}

function spelled(address: Address, { prefix }: StateOptions): string {
  return formatAddress(address, prefix)
}

/** As `mainnet`, `calibrationnet`. */
export async function networkName(rpc: Rpc, options: CallOptions = {}): Promise<string> {
  return await callFor(rpc, 'StateNetworkName', [], string, options)
}

/** @throws RpcError `REFUSED` where there is no such actor */
export async function getActor(rpc: Rpc, address: Address, options: StateOptions = {}): Promise<Actor> {
  return await callFor(rpc, 'StateGetActor', [spelled(address, options), at(options)], readActor, options)
}

function readActor(value: unknown): Actor {
  const json = object(value)
  const delegated = json.DelegatedAddress ?? json.Address
  return {
    code: cid(json.Code),
    head: cid(json.Head),
    nonce: whole(json.Nonce),
    balance: amount(json.Balance),
    delegatedAddress:
      typeof delegated === 'string' && delegated !== '' && delegated !== '<empty>' ? parseAddress(delegated) : null,
  }
}

/** The key behind an account: f1 or f3. */
export async function accountKey(rpc: Rpc, address: Address, options: StateOptions = {}): Promise<Address> {
  const read = (value: unknown) => parseAddress(string(value))
  return await callFor(rpc, 'StateAccountKey', [spelled(address, options), at(options)], read, options)
}

/** The f0 address of any address. */
export async function lookUpId(rpc: Rpc, address: Address, options: StateOptions = {}): Promise<Address> {
  const read = (value: unknown) => parseAddress(string(value))
  return await callFor(rpc, 'StateLookupID', [spelled(address, options), at(options)], read, options)
}

/** What a storage provider says of itself on the chain. */
export interface MinerInfo {
  owner: Address
  worker: Address
  peerId: string | undefined
  /** Multiaddrs in binary. */
  multiaddrs: Uint8Array[]
  sectorSizeBytes: number
}

export async function minerInfo(rpc: Rpc, provider: Address, options: StateOptions = {}): Promise<MinerInfo> {
  const read = (value: unknown): MinerInfo => {
    const json = object(value)
    return {
      owner: parseAddress(string(json.Owner)),
      worker: parseAddress(string(json.Worker)),
      peerId: typeof json.PeerId === 'string' && json.PeerId !== '' ? json.PeerId : undefined,
      multiaddrs: list(json.Multiaddrs).map(bytes),
      sectorSizeBytes: whole(json.SectorSize),
    }
  }
  return await callFor(rpc, 'StateMinerInfo', [spelled(provider, options), at(options)], read, options)
}

/** A message that is on the chain, and what came of it. */
export interface FoundMessage {
  message: CID
  exitCode: number
  return: Uint8Array
  /** The tipset in which its receipt is. */
  tipSet: CID[]
  height: number
}

/**
 * Looks for a message on the chain, `lookback` epochs down from the head; undefined where it is not there. Another message that took its place (the
 * same sender and nonce) is not it.
 */
export async function searchMessage(
  rpc: Rpc,
  message: CID,
  lookback: number,
  options: StateOptions = {},
): Promise<FoundMessage | undefined> {
  const read = (value: unknown): FoundMessage | undefined => {
    if (value === null || value === undefined) return undefined
    const json = object(value)
    const found = cid(json.Message)
    if (!found.equals(message)) throw new TypeError(`message ${found} instead of ${message}`)
    const receipt = object(json.Receipt)
    return {
      message: found,
      exitCode: whole(receipt.ExitCode),
      return: bytes(receipt.Return),
      tipSet: list(json.TipSet).map(cid),
      height: whole(json.Height),
    }
  }
  return await callFor(rpc, 'StateSearchMsg', [at(options), cidJson(message), lookback, false], read, options)
}

/** The randomness of the drand beacon at an epoch: what providers sign to show who they are. 96 bytes. */
export async function beaconEntry(rpc: Rpc, epoch: number, options: CallOptions = {}): Promise<Uint8Array> {
  const read = (value: unknown) => bytes(object(value).Data)
  return await callFor(rpc, 'StateGetBeaconEntry', [epoch], read, options)
}

/**
 * Whether a provider could have won the block of `epoch`, above `tipSet`: it has power enough, and proves what it holds.
 */
export async function isEligibleForMining(
  rpc: Rpc,
  provider: Address,
  epoch: number,
  options: StateOptions = {},
): Promise<boolean> {
  const read = (value: unknown): boolean => value !== null && value !== undefined && object(value).EligibleForMining === true
  return await callFor(rpc, 'MinerGetBaseInfo', [spelled(provider, options), epoch, at(options)], read, options)
}
