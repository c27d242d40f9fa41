import { gatewayUrl } from '../site/gateway.ts'

const isLoopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

/**
 * Where content is shown from: an origin of its own for each CID, so that nothing in it comes near this website. Where the gateway has no
 * host of its own, the address at this server; that is enough for pictures, which run nothing.
 */
export function contentUrl(cid: string, query: Record<string, string> = {}, path = ''): string {
  const text = new URLSearchParams(query).toString()
  return `${baseOf(cid, path)}${text && `?${text}`}`
}

function baseOf(cid: string, path: string): string {
  const meta = document.querySelector<HTMLMetaElement>('meta[name="keepsake-gateway"]')?.content
  const host = meta || (isLoopback.test(location.hostname) ? 'localhost' : '')
  // One label of a host name: at most 63 characters, without regard to case.
  if (!host || !/^b[a-z2-7]{1,62}$/.test(cid)) return gatewayUrl(cid, path)
  const port = location.port && !host.includes(':') ? `:${location.port}` : ''
  return `${location.protocol}//${cid}.ipfs.${host}${port}/${path.split('/').map(encodeURIComponent).join('/')}`
}

/** Fetches it as a file: a directory as a TAR, a token as a CAR, since neither is a file. */
export function downloadUrl(cid: string, name: string, kind: string): string {
  const filename = name.trim() || cid
  if (kind === 'directory') return contentUrl(cid, { format: 'tar', filename: `${filename}.tar`, download: 'true' })
  if (kind === 'token') return contentUrl(cid, { format: 'car', filename: `${filename}.car`, download: 'true' })
  return contentUrl(cid, { filename, download: 'true' })
}

/** Where to look at it. */
export function openUrl(cid: string, name: string, kind: string): string {
  if (kind === 'token') return gatewayUrl(cid, 'metadata.json')
  return kind === 'directory' ? contentUrl(cid) : contentUrl(cid, name.trim() ? { filename: name } : {})
}

export function ipfsUrl(cid: string, kind: string): string {
  return `ipfs://${cid}${kind === 'token' ? '/metadata.json' : ''}`
}
