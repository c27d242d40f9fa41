import { RoutingError } from './errors.ts'

export type RoutingMediaType = 'application/json' | 'application/x-ndjson'

const offered: readonly RoutingMediaType[] = ['application/json', 'application/x-ndjson']

/** Ranges looked at; a longer header is not from a client of this API. */
const maxRanges = 32

/** JSON unless the client likes NDJSON better. The higher quality counts, of equals the one named first. @throws RoutingError */
export function negotiateMediaType(accept: string | undefined): RoutingMediaType {
  if (accept === undefined || accept.trim() === '') return 'application/json'
  let best: { type: RoutingMediaType; quality: number } | undefined
  for (const range of accept.split(',').slice(0, maxRanges)) {
    const [name = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase())
    const quality = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1)
    const type = name === '*/*' || name === 'application/*' ? 'application/json' : offered.find((one) => one === name)
    if (type && quality > 0 && (best === undefined || quality > best.quality)) best = { type, quality }
  }
  if (!best) throw new RoutingError(406, `The answer comes as ${offered.join(' or ')}.`)
  return best.type
}
