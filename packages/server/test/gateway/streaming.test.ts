import { request } from 'node:http'
import { connect } from 'node:net'
import type { Block, BlockSource } from '@keepsake/content/block.ts'
import { fileBlocks } from '@keepsake/content/unixfs/read/file.ts'
import type { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { fixedSize, importFiles, MemoryBlocks, putUnixFs, sampleBytes } from '../../../content/test/read/fixtures.ts'
import { startGateway } from './gateway.ts'

const chunkSize = 64 * 1024
const content = sampleBytes(40 * chunkSize)

async function sample() {
  const blocks = new MemoryBlocks()
  const { root } = await importFiles(blocks, [{ content }], { chunker: fixedSize({ chunkSize }) })
  const leaves: CID[] = []
  for await (const { cid } of fileBlocks(blocks, root)) leaves.push(cid)
  leaves.shift()
  return { blocks, root, leaves }
}

describe('a block that is missing', () => {
  it('cuts the connection of a file after what came before it, and of a CAR', async () => {
    const { blocks, root, leaves } = await sample()
    await using gateway = await startGateway(blocks)
    blocks.remove(leaves[30]!)
    for (const query of ['', '?format=car', '?format=tar']) {
      const { status, cut, body } = await gateway.get(`/ipfs/${root}${query}`)
      expect([status, cut], query).toEqual([200, true])
      expect(body.length, query).toBeLessThan(31 * chunkSize)
    }
    expect(gateway.logged.filter((line) => line.includes('cut short'))).toHaveLength(3)
  })

  it('resets an HTTP/1.0 connection, whose plain end would mean that the CAR is whole', async () => {
    const { blocks, root, leaves } = await sample()
    await using gateway = await startGateway(blocks)
    const ask = () =>
      new Promise<string>((resolve) => {
        const socket = connect(gateway.port, '127.0.0.1', () => socket.write(`GET /ipfs/${root}?format=car HTTP/1.0\r\n\r\n`))
        socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
        socket.on('end', () => resolve('end'))
        socket.resume()
      })
    expect(await ask()).toBe('end')
    blocks.remove(leaves[30]!)
    expect(await ask()).toBe('ECONNRESET')
  })

  it('is a 404 when it is the first one needed', async () => {
    const { blocks, root, leaves } = await sample()
    await using gateway = await startGateway(blocks)
    blocks.remove(leaves[0]!)
    const { status, cut, body } = await gateway.get(`/ipfs/${root}?filename=a.bin`)
    expect([status, cut]).toEqual([404, false])
    expect(body.toString()).toContain(leaves[0]!.toString())
  })

  it('does not matter outside the range asked for', async () => {
    const { blocks, root, leaves } = await sample()
    await using gateway = await startGateway(blocks)
    blocks.remove(leaves[10]!)
    const range = async (from: number, to: number) => gateway.get(`/ipfs/${root}`, { Range: `bytes=${from}-${to}` })
    expect((await range(0, 10 * chunkSize - 1)).body.length).toBe(10 * chunkSize)
    expect((await range(11 * chunkSize, 12 * chunkSize - 1)).body.equals(content.subarray(11 * chunkSize, 12 * chunkSize))).toBe(
      true,
    )
    expect((await range(5 * chunkSize, 15 * chunkSize)).cut).toBe(true)
  })
})

describe('the server around the gateway', () => {
  it('still sees every answer, with its status, in its own hooks', async () => {
    const { blocks, root } = await sample()
    const seen: number[] = []
    await using gateway = await startGateway(blocks, {}, (app) => {
      app.addHook('onResponse', async (_request, reply) => {
        seen.push(reply.raw.statusCode)
      })
    })
    await gateway.get(`/ipfs/${root}`)
    await gateway.get(`/ipfs/${root}?format=raw`)
    await gateway.get('/ipfs/nonsense')
    await gateway.get(`/ipfs/${root}`, {}, 'POST')
    await expect.poll(() => seen).toEqual([200, 200, 400, 405])
  })
})

describe('an error that nobody foresaw', () => {
  it('is a 500 without its text, and is logged with it', async () => {
    const broken: BlockSource = {
      get: () => Promise.reject(new Error('the secret of /var/data')),
      getMany: () => {
        throw new Error('not reached')
      },
    }
    await using gateway = await startGateway(broken)
    const { status, body } = await gateway.get('/ipfs/bafkreidvbhs33ighmljlvr7zbv2ywwzcmp5adtf4kqvlly67cy56bdtmve')
    expect([status, body.toString()]).toEqual([500, 'Something went wrong on the server.\n'])
    expect(gateway.logged.join('')).toContain('the secret of /var/data')
  })
})

describe('a client', () => {
  it('that leaves ends the reading of blocks', async () => {
    const { blocks, root } = await sample()
    let aborted = false
    let read = 0
    const source: BlockSource = {
      get: (cid, options) => blocks.get(cid, options),
      async *getMany(cids, options): AsyncGenerator<Block> {
        options?.signal?.addEventListener('abort', () => {
          aborted = true
        })
        for await (const block of blocks.getMany(cids, options)) {
          read++
          await new Promise((resolve) => setTimeout(resolve, 5))
          yield block
        }
      },
    }
    await using gateway = await startGateway(source)
    await new Promise<void>((resolve) => {
      const sent = request({ host: '127.0.0.1', port: gateway.port, path: `/ipfs/${root}` }, (response) => {
        response.once('data', () => {
          sent.destroy()
          resolve()
        })
      })
      sent.on('error', () => {})
      sent.end()
    })
    await expect.poll(() => aborted).toBe(true)
    const after = read
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(read).toBeLessThanOrEqual(after + 1)
    expect(read).toBeLessThan(40)
  })

  it('that reads slowly holds no more than a few blocks in memory', async () => {
    const { blocks, root, leaves } = await sample()
    let read = 0
    const source: BlockSource = {
      get: (cid, options) => blocks.get(cid, options),
      // The same leaves over and over: a file of 160 MiB that costs the test no memory.
      async *getMany(cids, options): AsyncGenerator<Block> {
        for await (const block of blocks.getMany(cids, options)) {
          read++
          yield block
        }
      },
    }
    const parts = Array.from({ length: 64 }, () => ({ cid: root }))
    const huge = await putUnixFs(blocks, { type: 'file', blockSizes: parts.map(() => BigInt(content.length)) }, parts)
    await using gateway = await startGateway(source)
    const received = await new Promise<number>((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port: gateway.port, path: `/ipfs/${huge}` }, (response) => {
        response.pause()
        setTimeout(() => {
          // Nothing was read: what the server read ahead has to fit into its bound and the socket's.
          expect(read).toBeLessThan(leaves.length * 8)
          let total = 0
          response.on('data', (chunk: Buffer) => {
            total += chunk.length
          })
          response.on('end', () => resolve(total))
          response.resume()
        }, 300)
      })
      sent.on('error', reject)
      sent.end()
    })
    expect(received).toBe(64 * content.length)
  })
})
