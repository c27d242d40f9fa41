/** Address of content at this server's gateway. Safe to open and to show: content never shares an origin with this website. */
export function gatewayUrl(cid: string, path = ''): string {
  const host = document.querySelector<HTMLMetaElement>('meta[name="keepsake-gateway"]')?.content
  const port = location.port ? `:${location.port}` : ''
  const origin = host ? `${location.protocol}//${host}${port}` : location.origin
  return `${origin}/ipfs/${cid}${path && `/${path.split('/').map(encodeURIComponent).join('/')}`}`
}

/** Address of the API at this server, as clients want it. */
export function apiUrl(): string {
  return `${location.origin}/api`
}
