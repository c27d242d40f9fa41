import { describe, expect, it } from 'vitest'
import { sameNetworkGenesis } from '../src/networks.ts'
import { readChain } from './real-chain.ts'

describe('the first block of a network that everybody knows', async () => {
  const mainnet = await readChain('mainnet-genesis-to-epoch3.forest.car.zst')
  const calibration = await readChain('calibnet-genesis.car.zst')

  it.skipIf(!mainnet || !calibration)('is its own, and no other network can have it', () => {
    const [first] = calibration!.roots
    expect(sameNetworkGenesis('calibrationnet', first!)).toBe(true)
    expect(sameNetworkGenesis('mainnet', first!)).toBe(false)
    expect(sameNetworkGenesis('mainnet', mainnet!.roots[0]!)).toBe(false)
    expect(sameNetworkGenesis('keepsake-devnet-00000000', first!)).toBe(true)
  })
})
