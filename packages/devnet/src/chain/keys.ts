import { createHmac } from 'node:crypto'
import { blsSigner, type Signer, secpSigner } from '@keepsake/filecoin/signature.ts'

/** Every secret of the network comes from one seed of 32 bytes. */
export function secretOf(seed: Uint8Array, name: string): Uint8Array {
  return new Uint8Array(createHmac('sha256', seed).update(`keepsake devnet: ${name}`).digest())
}

export function secpKey(seed: Uint8Array, name: string): Signer {
  return secpSigner(secretOf(seed, name))
}

export function blsKey(seed: Uint8Array, name: string): Signer {
  const secret = secretOf(seed, name)
  // Less than the order of the group, which is a little above 2^254.
  secret[0]! &= 0x3f
  return blsSigner(secret)
}

/** Keys of a storage provider. */
export interface ProviderKeys {
  owner: Signer
  /** Of the kind BLS: signs requests to whoever offers deals. */
  worker: Signer
  /** Of the kind secp256k1, which is quick: signs the messages that are many. */
  control: Signer
}

export function providerKeys(seed: Uint8Array, index: number): ProviderKeys {
  return {
    owner: blsKey(seed, `owner ${index}`),
    worker: blsKey(seed, `worker ${index}`),
    control: secpKey(seed, `control ${index}`),
  }
}
