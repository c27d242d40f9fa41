import { base16, base16upper } from 'multiformats/bases/base16'
import { base32, base32upper } from 'multiformats/bases/base32'
import { base36, base36upper } from 'multiformats/bases/base36'
import { base58btc } from 'multiformats/bases/base58'
import { base64url } from 'multiformats/bases/base64'
import { CID } from 'multiformats/cid'

const bases = [base32, base32upper, base36, base36upper, base58btc, base16, base16upper, base64url]
const decoderOf = new Map(bases.map((base) => [base.prefix as string, base.decoder]))

/** Characters; the longest CID in use, a sha2-512 in base16, has 139. Decoding takes time that grows with the square of the length. */
const maxLength = 512

/** Reads a CID in any base in use; undefined where the text is not one. */
export function findCid(text: string): CID | undefined {
  if (text.length > maxLength) return undefined
  try {
    const decoder = text.startsWith('Qm') ? undefined : decoderOf.get(text.slice(0, 1))
    return decoder ? CID.parse(text, decoder) : CID.parse(text)
  } catch {
    return undefined
  }
}

const base32Letters = Uint8Array.from('abcdefghijklmnopqrstuvwxyz234567', (letter) => letter.charCodeAt(0))
const base32Prefix = 'b'.charCodeAt(0)

/**
 * The text of a CID, in one piece. `toString` puts it together letter by letter, a chain of 59 strings until somebody makes one of it: 2 kB instead of
 * 80 bytes, and ten times the time. For texts that are made or kept by the thousand.
 */
export function compactText(cid: CID): string {
  if (cid.version === 0) return JSON.parse(JSON.stringify(cid.toString()))
  const { bytes } = cid
  const letters = new Uint8Array(1 + Math.ceil((bytes.length * 8) / 5))
  letters[0] = base32Prefix
  let at = 1
  let bits = 0
  let waiting = 0
  for (let index = 0; index < bytes.length; index++) {
    waiting = (waiting << 8) | bytes[index]!
    for (bits += 8; bits >= 5; bits -= 5) letters[at++] = base32Letters[(waiting >>> (bits - 5)) & 31]!
    waiting &= 31
  }
  if (bits > 0) letters[at] = base32Letters[(waiting << (5 - bits)) & 31]!
  // Spreading takes six times as long.
  return String.fromCharCode.apply(null, letters as unknown as number[])
}
