import { CarBlockIterator } from '@ipld/car'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import type { Block, Sample } from './samples.ts'

/** Throws what is wrong with the content behind `cid`; every way of reading below compares every byte. */
export async function readBack(url: string, cid: string, sample: Sample): Promise<void> {
  if ('bytes' in sample)
    return await expectBytes(`${url}/ipfs/${cid}${sample.kind === 'blob' ? '?format=raw' : ''}`, sample.bytes)
  const blocks = await readCar(url, cid)
  if ('files' in sample) {
    for (const { path, bytes } of sample.files) await expectBytes(`${url}/ipfs/${cid}/${path}`, bytes)
    return
  }
  const expected = [sample.dag.root, ...sample.dag.branches.flat()]
  for (const block of expected) {
    if (!blocks.has(String(block.cid))) throw new Error(`the CAR of ${cid} lacks block ${block.cid}`)
  }
  if (blocks.size !== new Set(expected.map((block) => String(block.cid))).size)
    throw new Error(`the CAR of ${cid} has ${blocks.size} blocks, not ${expected.length}`)
}

export async function readBlock(url: string, { cid, bytes }: Block): Promise<void> {
  await expectBytes(`${url}/ipfs/${cid}?format=raw`, bytes)
}

/** Reads a body chunk by chunk and compares it on the way, so that large ones are never held twice. */
async function expectBytes(address: string, expected: Uint8Array): Promise<void> {
  const response = await fetch(address)
  if (response.status !== 200) throw new Error(`GET ${address} gave ${response.status}: ${(await response.text()).slice(0, 300)}`)
  let at = 0
  for await (const chunk of response.body!) {
    if (Buffer.compare(chunk, expected.subarray(at, at + chunk.length)) !== 0)
      throw new Error(`GET ${address}: wrong bytes between ${at} and ${at + chunk.length} of ${expected.length}`)
    at += chunk.length
  }
  if (at !== expected.length) throw new Error(`GET ${address} gave ${at} bytes, not ${expected.length}`)
}

/** Exports a DAG and checks each block against its CID, without any code of the server. */
async function readCar(url: string, cid: string): Promise<Map<string, Uint8Array>> {
  const response = await fetch(`${url}/ipfs/${cid}?format=car`)
  if (response.status !== 200)
    throw new Error(`The CAR of ${cid} gave ${response.status}: ${(await response.text()).slice(0, 300)}`)
  const car = await CarBlockIterator.fromIterable(response.body!)
  const [root] = await car.getRoots()
  if (!root?.equals(CID.parse(cid))) throw new Error(`the CAR of ${cid} has root ${root}`)
  const blocks = new Map<string, Uint8Array>()
  for await (const block of car) {
    const digest = await sha256.digest(block.bytes)
    if (Buffer.compare(digest.bytes, block.cid.multihash.bytes) !== 0)
      throw new Error(`the CAR of ${cid} has bytes under ${block.cid} that are not it`)
    blocks.set(String(block.cid), block.bytes)
  }
  return blocks
}
