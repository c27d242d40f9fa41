const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'

/** RFC 4648, section 6, in lower case and without padding. */
function base32(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let held = 0
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += alphabet[(held >> bits) & 31]
    }
  }
  return bits > 0 ? text + alphabet[(held << (5 - bits)) & 31] : text
}

/** Whether this browser can hash here: not on plain http beyond one's own machine. */
export function canHash(): boolean {
  return typeof crypto.subtle?.digest === 'function'
}

/** The CID that a short text gets when it is stored: version 1, raw, sha2-256. (CID specification, "CIDv1"; multicodec table) */
export async function contentAddress(text: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
  return `b${base32(Uint8Array.of(0x01, 0x55, 0x12, 0x20, ...digest))}`
}
