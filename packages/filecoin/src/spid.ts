import { base64pad } from 'multiformats/bases/base64'
import { type Address, formatAddress, idOf, type NetworkPrefix, parseAddress } from './address.ts'
import { ChainFormatError } from './errors.ts'
import { type Signer, verifySignature } from './signature.ts'

// FIL-SPID-V0: how a storage provider shows who it is, in the Authorization header of HTTP. It signs, with its worker key, the chain's
// randomness of an epoch that has only just come: nobody could have made the signature earlier, and nobody takes it later.

/** The name of the scheme, as in `WWW-Authenticate`. */
export const spidScheme = 'FIL-SPID-V0'
/** How many epochs after its own a header may be used. */
export const spidEpochs = 3
/** Keys count as they were so many epochs before: by then the chain does not change its mind. */
export const spidKeyLookback = 900
/** Of the part a provider may add to what it signs. */
export const maxSpidArgumentBytes = 2048

const signatureBytes = 96
const beaconBytes = 96
/** Stands before what is signed, so that it cannot be a message of the chain. */
const framing = Uint8Array.of(0x20, 0x20, 0x20)
/** Longer than any header whose parts are within their bounds. */
const maxHeaderCharacters = 4096

/** What a provider says of itself, not checked yet. */
export interface Spid {
  epoch: number
  /** The number in f01234. */
  actorId: number
  /** BLS, 96 bytes. */
  signature: Uint8Array
  /** What was signed beside the randomness; empty where nothing was. */
  argument: Uint8Array
}

function invalid(what: string): ChainFormatError {
  return new ChainFormatError('INVALID_AUTHORIZATION', what)
}

/** Base64 in its one spelling, so that the same header cannot be written in two ways. */
function decodeBase64(text: string, what: string): Uint8Array {
  try {
    const bytes = base64pad.baseDecode(text)
    if (base64pad.baseEncode(bytes) === text) return bytes
  } catch {
    // Said below.
  }
  throw invalid(`${what} is not base64 with its padding.`)
}

const epochDigits = /^(?:0|[1-9]\d{0,11})$/

/**
 * Reads the value of an Authorization header: `FIL-SPID-V0 <epoch>;<f0 address>;<signature>[;<argument>]`, the last two in base64.
 *
 * @throws ChainFormatError `INVALID_AUTHORIZATION`
 */
export function parseSpid(text: string): Spid {
  if (text.length > maxHeaderCharacters) throw invalid(`The header is longer than ${maxHeaderCharacters} characters.`)
  const match = /^\s*(\S+)\s+(.*\S)\s*$/.exec(text)
  if (match?.[1]?.toUpperCase() !== spidScheme) throw invalid(`The scheme is not ${spidScheme}.`)
  const parts = (match[2] as string).split(';').map((part) => part.trim())
  if (parts.length < 3 || parts.length > 4) {
    throw invalid(
      `Behind ${spidScheme} stand the epoch, the provider, the signature and perhaps an argument, with ";" between them.`,
    )
  }
  const [epoch, provider, signed, argument] = parts as [string, string, string, string | undefined]
  if (!epochDigits.test(epoch)) throw invalid('The epoch is no number.')
  const signature = decodeBase64(signed, 'The signature')
  if (signature.length !== signatureBytes) throw invalid(`A signature has ${signatureBytes} bytes, this has ${signature.length}.`)
  return { epoch: Number(epoch), actorId: parseActorId(provider), signature, argument: parseArgument(argument) }
}

function parseActorId(text: string): number {
  let id: number | undefined
  try {
    id = idOf(parseAddress(text))
  } catch {
    // Said below.
  }
  if (id === undefined || !Number.isSafeInteger(id)) throw invalid('A provider is named as in f01234.')
  return id
}

function parseArgument(text: string | undefined): Uint8Array {
  if (text === undefined) return new Uint8Array()
  const bytes = decodeBase64(text, 'The argument')
  if (bytes.length === 0 || bytes.length > maxSpidArgumentBytes) {
    throw invalid(`An argument has 1 to ${maxSpidArgumentBytes} bytes, this has ${bytes.length}.`)
  }
  return bytes
}

/** The value of the header. */
export function formatSpid({ epoch, actorId, signature, argument }: Spid, prefix: NetworkPrefix = 'f'): string {
  const parts = [String(epoch), `${prefix}0${actorId}`, base64pad.baseEncode(signature)]
  if (argument.length > 0) parts.push(base64pad.baseEncode(argument))
  return `${spidScheme} ${parts.join(';')}`
}

/**
 * The bytes that are signed. `beacon`: the randomness of the epoch, as `StateGetBeaconEntry` gives it.
 *
 * @throws ChainFormatError `INVALID_AUTHORIZATION` for randomness of another length
 */
export function spidMessage(beacon: Uint8Array, argument: Uint8Array = new Uint8Array()): Uint8Array {
  if (beacon.length !== beaconBytes)
    throw invalid(`The randomness of an epoch has ${beaconBytes} bytes, this has ${beacon.length}.`)
  return Uint8Array.of(...framing, ...beacon, ...argument)
}

export interface SpidClaim {
  epoch: number
  actorId: number
  /** Of that epoch. */
  beacon: Uint8Array
  /** The provider's worker key: BLS. */
  worker: Signer
  argument?: Uint8Array | undefined
  prefix?: NetworkPrefix | undefined
}

/**
 * A provider's side: the value of its Authorization header.
 *
 * @throws ChainFormatError `INVALID_SIGNATURE` for a worker key that is not BLS
 */
export function signSpid({ epoch, actorId, beacon, worker, argument = new Uint8Array(), prefix }: SpidClaim): string {
  const { kind, bytes } = worker.sign(spidMessage(beacon, argument))
  if (kind !== 'bls')
    throw new ChainFormatError('INVALID_SIGNATURE', `${spidScheme} takes BLS keys; ${formatAddress(worker.address)} is none.`)
  return formatSpid({ epoch, actorId, signature: bytes, argument }, prefix)
}

/**
 * Whether the key behind `worker` (an f3 address) signed for that epoch's randomness. Takes some 50 ms. Whether the epoch is recent, and the key that
 * of the provider, is for the caller to know.
 */
export function verifySpid(spid: Spid, worker: Address, beacon: Uint8Array): boolean {
  if (worker.protocol !== 3) return false
  return verifySignature({ kind: 'bls', bytes: spid.signature }, worker, spidMessage(beacon, spid.argument))
}
