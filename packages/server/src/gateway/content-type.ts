import { lookup } from 'mrmime'

/** How many bytes from the start are looked at, as browsers do (WHATWG MIME Sniffing, "resource header"). */
export const SNIFFED_BYTES = 1445

/** Names whose type the list of registered types gives wrongly for the web, or not at all. */
const byExtension: Readonly<Record<string, string>> = {
  ts: 'video/mp2t',
  usdz: 'model/vnd.usdz+zip',
  glb: 'model/gltf-binary',
  gltf: 'model/gltf+json',
  vrm: 'model/gltf-binary',
}

/** The type of a file by its name; undefined where the name has no extension that is known. */
export function typeOfName(name: string): string | undefined {
  const extension = /\.([a-z0-9]{1,12})$/i.exec(name)?.[1]?.toLowerCase()
  if (extension === undefined) return undefined
  const type = byExtension[extension] ?? lookup(extension)
  return type ? withCharset(type) : undefined
}

/** Text is UTF-8 on the web; without the word browsers read it as something else. JSON is UTF-8 by itself. */
function withCharset(type: string): string {
  return type.startsWith('text/') || type === 'image/svg+xml' ? `${type}; charset=utf-8` : type
}

type Signature = readonly [type: string, bytes: string, offset?: number]

/** Bytes at the start that tell a type. ISO media files are told apart by their brand below. */
const signatures: readonly Signature[] = [
  ['image/png', '\x89PNG\r\n\x1a\n'],
  ['image/jpeg', '\xff\xd8\xff'],
  ['image/gif', 'GIF87a'],
  ['image/gif', 'GIF89a'],
  ['image/webp', 'WEBPVP', 8],
  ['image/tiff', 'II*\0'],
  ['image/tiff', 'MM\0*'],
  ['image/x-icon', '\0\0\x01\0'],
  ['image/jxl', '\xff\x0a'],
  ['image/jxl', '\0\0\0\x0cJXL \r\n\x87\n'],
  ['audio/wav', 'WAVE', 8],
  ['audio/mpeg', 'ID3'],
  ['audio/mpeg', '\xff\xfb'],
  ['audio/flac', 'fLaC'],
  ['audio/midi', 'MThd'],
  ['application/ogg', 'OggS\0'],
  ['video/webm', '\x1a\x45\xdf\xa3'],
  ['video/x-msvideo', 'AVI ', 8],
  ['model/gltf-binary', 'glTF'],
  ['application/pdf', '%PDF-'],
  ['application/zip', 'PK\x03\x04'],
  ['application/gzip', '\x1f\x8b\x08'],
  ['application/wasm', '\0asm'],
  ['font/woff2', 'wOF2'],
  ['font/woff', 'wOFF'],
  ['font/otf', 'OTTO'],
]

const brands: Readonly<Record<string, string>> = {
  avif: 'image/avif',
  avis: 'image/avif',
  heic: 'image/heic',
  heix: 'image/heic',
  mif1: 'image/heif',
  'M4A ': 'audio/mp4',
  'qt  ': 'video/quicktime',
}

/**
 * The type of a file by its first bytes, for names without extension: NFT media is mostly asked for by CID alone. `complete` says that
 * `head` is the whole file. What could be markup is called markup, so that it is treated with the care that markup needs.
 */
export function typeOfBytes(head: Uint8Array, complete: boolean): string {
  const bytes = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, SNIFFED_BYTES))
  const start = bytes.toString('latin1', 0, 64)
  for (const [type, signature, offset = 0] of signatures) if (start.startsWith(signature, offset)) return type
  if (start.startsWith('ftyp', 4)) return brands[start.slice(8, 12)] ?? 'video/mp4'
  if (!isText(bytes)) return 'application/octet-stream'
  return typeOfText(head, bytes, complete)
}

/** No control characters but white space and escape (WHATWG MIME Sniffing, "binary data byte"). */
function isText(bytes: Uint8Array): boolean {
  for (const byte of bytes)
    if (byte < 0x20 && byte !== 9 && byte !== 10 && byte !== 12 && byte !== 13 && byte !== 0x1b) return false
  return true
}

function typeOfText(head: Uint8Array, sniffed: Buffer, complete: boolean): string {
  const text = sniffed
    .toString('utf8')
    .replace(/^\ufeff/, '')
    .trimStart()
  if (/^(?:<\?xml[^>]*>\s*|<!--[\s\S]*?-->\s*|<!doctype svg[^>]*>\s*)*<svg[\s>]/i.test(text))
    return 'image/svg+xml; charset=utf-8'
  if (/^<\?xml/i.test(text)) return 'text/xml; charset=utf-8'
  if (/^<[a-z!/?]/i.test(text)) return 'text/html; charset=utf-8'
  if (looksLikeJson(text, head, complete)) return 'application/json'
  return 'text/plain; charset=utf-8'
}

function looksLikeJson(text: string, head: Uint8Array, complete: boolean): boolean {
  if (!/^(?:\{\s*["}]|\[\s*(?:["{[\]\d-]|true|false|null))/.test(text)) return false
  if (!complete || head.length > 64 * 1024) return true
  try {
    JSON.parse(Buffer.from(head.buffer, head.byteOffset, head.length).toString('utf8'))
    return true
  } catch {
    return false
  }
}

const harmless =
  /^(?:image\/(?!svg)|audio\/|video\/|font\/|model\/|text\/(?:plain|css|csv|markdown|javascript)|application\/(?:json|octet-stream|zip|gzip|ogg|wasm|vnd\.ipld\.|cbor|x-tar))/

/** Can this only be looked at? What is not known to be harmless is treated as if it could run scripts when opened. */
export function isHarmless(contentType: string): boolean {
  return harmless.test(contentType)
}
