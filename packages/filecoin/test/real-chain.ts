import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { CarReader } from '@ipld/car'
import { CID } from 'multiformats/cid'
import { sharedData } from '../../../test/setup/shared-data.ts'

/** Blocks of a CAR in memory. */
export interface ChainBlocks {
  roots: CID[]
  get: (cid: CID) => Uint8Array | undefined
  entries(): Iterable<[CID, Uint8Array]>
}

async function readBlocks(car: Uint8Array): Promise<ChainBlocks> {
  const reader = await CarReader.fromBytes(Uint8Array.from(car))
  const blocks = new Map<string, [CID, Uint8Array]>()
  for await (const { cid, bytes } of reader.blocks()) blocks.set(cid.toString(), [cid, bytes])
  return { roots: await reader.getRoots(), get: (cid) => blocks.get(cid.toString())?.[1], entries: () => blocks.values() }
}

/** A CAR of a chain in the folder of shared data; undefined where that is absent. */
export async function readChain(name: string): Promise<ChainBlocks | undefined> {
  const path = sharedData(`filecoin/chain/${name}`)
  if (!path) return undefined
  const bytes = readFileSync(path)
  return await readBlocks(name.endsWith('.zst') ? zstdDecompressSync(bytes) : bytes)
}

/** A message of mainnet with the part of the state that it touched. */
export interface Vector extends ChainBlocks {
  name: string
  stateBefore: CID
  stateAfter: CID
  /** CBOR of the message, without signature. */
  message: Uint8Array
  receipt: { exitCode: number; return: Uint8Array }
}

interface VectorFile {
  car: string
  preconditions: { state_tree: { root_cid: { '/': string } } }
  postconditions: { state_tree: { root_cid: { '/': string } }; receipts: { exit_code: number; return: string }[] }
  apply_messages: { bytes: string }[]
}

const decode64 = (text: string) => new Uint8Array(Buffer.from(text, 'base64'))

/** `nv0-nv2` or `nv17-nv18`; empty where shared data is absent. */
export async function readVectors(folder: string): Promise<Vector[]> {
  const path = sharedData(`filecoin/vectors/${folder}`)
  if (!path) return []
  return await Promise.all(
    readdirSync(path).map(async (name) => {
      const file = JSON.parse(readFileSync(join(path, name), 'utf8')) as VectorFile
      const receipt = file.postconditions.receipts[0]!
      return {
        ...(await readBlocks(gunzipSync(decode64(file.car)))),
        name,
        stateBefore: CID.parse(file.preconditions.state_tree.root_cid['/']),
        stateAfter: CID.parse(file.postconditions.state_tree.root_cid['/']),
        message: decode64(file.apply_messages[0]!.bytes),
        receipt: { exitCode: receipt.exit_code, return: decode64(receipt.return ?? '') },
      }
    }),
  )
}

export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of source) all.push(item)
  return all
}
