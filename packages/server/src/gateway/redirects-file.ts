/** One line of a `_redirects` file. */
export interface RedirectRule {
  from: readonly string[]
  /** The last segment of `from` was `*`. */
  splat: boolean
  to: string
  status: number
}

export interface Redirect {
  /** A path within the root or an absolute URL, escaped. */
  to: string
  status: number
}

const statuses = new Set([200, 301, 302, 303, 307, 308, 404, 410, 451])

/** Answers with content of the same root; the others send the client elsewhere. */
export function isRewrite(status: number): boolean {
  return status < 300 || status >= 400
}

/** Reads a `_redirects` file (Web Redirects File specification, "File Format"). Throws an `Error` that names the line. */
export function parseRedirects(text: string): RedirectRule[] {
  const rules: RedirectRule[] = []
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const fields = line.trim().split(/[ \t]+/)
    if (fields[0] === '' || fields[0]!.startsWith('#')) continue
    try {
      rules.push(parseRule(fields))
    } catch (cause) {
      throw new Error(`line ${index + 1}: ${cause instanceof Error ? cause.message : cause}`, { cause })
    }
  }
  return rules
}

function parseRule(fields: readonly string[]): RedirectRule {
  const [from, to, code = '301', ...more] = fields
  if (from === undefined || to === undefined || more.length > 0) throw new Error('expected "from to [status]"')
  if (!from.startsWith('/')) throw new Error('the path to redirect from has to begin with "/"')
  if (!to.startsWith('/') && !/^https?:\/\//i.test(to)) throw new Error('the target has to be a path or an http(s) URL')
  const status = /^\d{3}$/.test(code) ? Number(code) : Number.NaN
  if (!statuses.has(status)) throw new Error(`unsupported redirect status "${code}"`)
  if (isRewrite(status) && !to.startsWith('/')) throw new Error(`a ${status} has to lead to a path`)
  const segments = from.split('/').filter((segment) => segment !== '')
  const splat = segments.at(-1) === '*'
  if (splat) segments.pop()
  if (segments.some((segment) => segment.includes('*'))) throw new Error('"*" may only stand at the end of a path')
  const names = segments.filter((segment) => segment.startsWith(':'))
  if (new Set(names).size !== names.length) throw new Error('a placeholder is used twice')
  return { from: segments, splat, to, status }
}

/** The first rule that fits a path, its placeholders filled in. `segments` are decoded names. */
export function findRedirect(rules: readonly RedirectRule[], segments: readonly string[]): Redirect | undefined {
  for (const rule of rules) {
    const values = match(rule, segments)
    if (values) return { to: fill(rule.to, values), status: rule.status }
  }
  return undefined
}

function match({ from, splat }: RedirectRule, segments: readonly string[]): Map<string, string> | undefined {
  if (splat ? segments.length < from.length : segments.length !== from.length) return undefined
  const values = new Map<string, string>()
  for (const [index, pattern] of from.entries()) {
    const segment = segments[index]!
    if (pattern.startsWith(':')) values.set(pattern.slice(1), encodeURIComponent(segment.toWellFormed()))
    else if (pattern !== segment && pattern !== encodeURI(segment.toWellFormed())) return undefined
  }
  if (splat)
    values.set(
      'splat',
      segments
        .slice(from.length)
        .map((segment) => encodeURIComponent(segment.toWellFormed()))
        .join('/'),
    )
  return values
}

/** Puts values in for `:name`. What is no placeholder, such as the port in a URL, stays. */
function fill(to: string, values: ReadonlyMap<string, string>): string {
  const filled = to.replace(/:([a-zA-Z_]\w*)/g, (whole, name: string) => values.get(name) ?? whole)
  return encodeURI(filled.toWellFormed()).replace(/%25(?=[0-9a-f]{2})/gi, '%')
}

/** Adds the query of a request to a target; where both have a name, the request counts ("Query Parameters"). */
export function withQuery(to: string, query: URLSearchParams): string {
  if (query.size === 0) return to
  const [, path = '', own = '', fragment = ''] = /^([^?#]*)(?:\?([^#]*))?(#.*)?$/s.exec(to) ?? []
  const merged = new URLSearchParams(own)
  for (const name of new Set(query.keys())) {
    merged.delete(name)
    for (const value of query.getAll(name)) merged.append(name, value)
  }
  return `${path}?${merged}${fragment}`
}
