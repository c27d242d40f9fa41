import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Block } from '@keepsake/content/block.ts'
import { verifyBlock } from '@keepsake/content/hash/verify.ts'
import type { CID } from 'multiformats/cid'
import { KeepsakeError } from '../../src/errors.ts'
import type { BlockNetwork } from '../../src/network/network.ts'

/** What is wrong with one block of a gateway. */
type Fault = 'missing' | 'wrong' | 'stall' | 'trickle'

/** A trustless gateway that has some blocks, and may be made to misbehave. */
export interface BlockGateway extends AsyncDisposable {
  url: string
  blocks: Map<string, Uint8Array>
  faults: Map<string, Fault>
  /** How long each answer takes. */
  delayMs: number
  /** CIDs that were asked for, in order. */
  asked: string[]
  /** Answers under way. */
  underWay: number
}

async function answer(response: ServerResponse, bytes: Uint8Array, fault: Fault | undefined): Promise<void> {
  if (fault === 'stall') return
  if (fault === 'wrong') return void response.end(Buffer.from('something else'))
  if (fault !== 'trickle') return void response.end(bytes)
  for (const byte of bytes) {
    if (response.destroyed) return
    response.write(Buffer.of(byte))
    await sleep(1000)
  }
}

export async function startGateway(blocks: Iterable<Block> = []): Promise<BlockGateway> {
  const server = createServer(async (request, response) => {
    const cid = /^\/ipfs\/(\w+)\?format=raw$/.exec(request.url ?? '')?.[1] ?? ''
    gateway.asked.push(cid)
    gateway.underWay++
    response.once('close', () => gateway.underWay--)
    if (gateway.delayMs > 0) await sleep(gateway.delayMs)
    const [bytes, fault] = [gateway.blocks.get(cid), gateway.faults.get(cid)]
    if (!bytes || fault === 'missing') response.writeHead(404).end()
    else await answer(response, bytes, fault)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const gateway: BlockGateway = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    blocks: new Map(),
    faults: new Map(),
    delayMs: 0,
    asked: [],
    underWay: 0,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
  for (const { cid, bytes } of blocks) gateway.blocks.set(cid.toString(), bytes)
  return gateway
}

async function fetchRaw(url: string, cid: CID, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const response = await fetch(`${url}/ipfs/${cid}?format=raw`, { ...(signal && { signal }) })
  if (response.ok) return new Uint8Array(await response.arrayBuffer())
  await response.body?.cancel()
  throw new KeepsakeError('ERROR_NOT_FETCHED', `Nobody has block ${cid}.`)
}

/** A network whose only member is an HTTP gateway. `isChecked: false` hands on whatever comes. */
export function gatewayNetwork({ url }: { url: string }, { isChecked = true } = {}): BlockNetwork {
  return {
    async session() {
      return {
        async get(cid, options) {
          const bytes = await fetchRaw(url, cid, options?.signal)
          if (isChecked) await verifyBlock(cid, bytes)
          return bytes
        },
        async [Symbol.asyncDispose]() {},
      }
    },
  }
}
