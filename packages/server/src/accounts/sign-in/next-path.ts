const maxLength = 1000

/**
 * Where to go after signing in: a path of this website. Anything that a browser would read as another host's address is `/`.
 */
export function nextPath(text: unknown): string {
  if (typeof text !== 'string' || text.length > maxLength || !/^\/(?![/\\])[\x21-\x7e]*$/.test(text)) return '/'
  const base = 'http://site.invalid'
  const url = URL.parse(text, base)
  return url?.origin === base ? `${url.pathname}${url.search}${url.hash}` : '/'
}
