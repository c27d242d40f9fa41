import { createHash, createHmac } from 'node:crypto'
import { secretOf } from './keys.ts'

/** Bytes of a beacon entry and of a VRF proof: a BLS signature, on Filecoin. */
const PROOF_BYTES = 96

/** 96 bytes that nobody knows without the seed, and everybody can see once they are told. Not a signature: it cannot be checked. */
function unknown(secret: Uint8Array, ...about: (Uint8Array | string)[]): Uint8Array {
  const half = (name: string) => {
    const hmac = createHmac('sha384', secret).update(name)
    for (const part of about) hmac.update(part)
    return hmac.digest()
  }
  return new Uint8Array(Buffer.concat([half('left'), half('right')], PROOF_BYTES))
}

/** The beacon of the network. */
export interface Beacon {
  /** Data of the entry of an epoch; its round is the epoch. */
  at(epoch: number): Uint8Array
}

export function openBeacon(seed: Uint8Array): Beacon {
  const secret = secretOf(seed, 'beacon')
  return { at: (epoch) => unknown(secret, String(epoch)) }
}

/**
 * The ticket of a block. It differs between forks, so that what is made for one chain is of no use on another.
 *
 * @param fork how often the chain was reorganised before
 */
export function ticketFor(seed: Uint8Array, parentTicket: Uint8Array, epoch: number, fork: number): Uint8Array {
  return unknown(secretOf(seed, 'ticket'), parentTicket, `${epoch} ${fork}`)
}

export function electionProofFor(seed: Uint8Array, epoch: number): Uint8Array {
  return unknown(secretOf(seed, 'election'), String(epoch))
}

/** What a proof names a ticket by: 32 bytes. */
export function ticketRandomness(ticket: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(ticket).digest())
}
