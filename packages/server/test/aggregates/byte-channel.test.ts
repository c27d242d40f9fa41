import { createHash } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { byteChannel } from '../../src/aggregates/byte-channel.ts'

const sizes = Array.from({ length: 300 }, (_, index) => [1, 1000, 131_000, 131_072, 600_000, 0, 90_000][index % 7]!)

describe('a channel of bytes', () => {
  it('gives all that was pushed in order, whoever is faster, with few bytes on the way', async () => {
    for (const isSlow of [false, true]) {
      const channel = byteChannel()
      const [pushed, pulled] = [createHash('sha256'), createHash('sha256')]
      let waiting = 0
      let most = 0
      const pulling = (async () => {
        for await (const bytes of channel) {
          if (isSlow) await turn()
          pulled.update(bytes)
          waiting -= bytes.length
        }
      })()
      for (const [index, size] of sizes.entries()) {
        const bytes = Buffer.alloc(size, `chunk ${index}`)
        pushed.update(bytes)
        waiting += bytes.length
        await channel.push(bytes)
        if (!isSlow) await turn()
        most = Math.max(most, waiting)
      }
      channel.end()
      await pulling
      expect(pulled.digest('hex')).toBe(pushed.digest('hex'))
      expect(most).toBeLessThan(10 * 1024 * 1024)
    }
  })

  it('lets go of who pushes when nobody pulls any more, and of who pulls when pushing failed', async () => {
    const left = byteChannel()
    const pulling = (async () => {
      for await (const _ of left) break
    })()
    for (let index = 0; index < 40; index++) await left.push(new Uint8Array(1_000_000))
    await pulling
    const failed = byteChannel()
    failed.push(new Uint8Array(10))
    failed.fail(new Error('no more'))
    const reading = async () => {
      for await (const _ of failed);
    }
    await expect(reading()).rejects.toThrow('no more')
  })
})
