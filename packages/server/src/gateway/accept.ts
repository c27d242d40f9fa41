import { GatewayError } from './errors.ts'

/** Representations that must be asked for. `html` is the readable page of dag-cbor and dag-json. */
export type Format = 'raw' | 'car' | 'tar' | 'dag-json' | 'dag-cbor' | 'json' | 'cbor' | 'ipns-record' | 'html'

export const mediaTypeOf = {
  raw: 'application/vnd.ipld.raw',
  car: 'application/vnd.ipld.car',
  tar: 'application/x-tar',
  'dag-json': 'application/vnd.ipld.dag-json',
  'dag-cbor': 'application/vnd.ipld.dag-cbor',
  json: 'application/json',
  cbor: 'application/cbor',
  'ipns-record': 'application/vnd.ipfs.ipns-record',
  html: 'text/html',
} as const satisfies Record<Format, string>

const formatOfMediaType: ReadonlyMap<string, Format> = new Map(
  Object.entries(mediaTypeOf).map(([format, type]) => [type, format as Format]),
)

/** What came of the negotiation. */
export interface Negotiated {
  /** Undefined: the content as it is. */
  format: Format | undefined
  /** Chosen by the `Accept` header and not by the URL: caches have to be told. */
  fromHeader: boolean
  /** `Accept` also takes anything else, so content that does not come in `format` is sent as it is rather than refused. */
  orAnything: boolean
  /** Parameters of each mention of the media type in `Accept`, best first. For CAR. */
  parameters: readonly ReadonlyMap<string, string>[]
}

interface MediaRange {
  type: string
  quality: number
  parameters: Map<string, string>
}

const asItIs: Negotiated = { format: undefined, fromHeader: false, orAnything: true, parameters: [] }

/**
 * Chooses a representation. `format` in the URL counts more than `Accept` (IPIP-0523); in `Accept` the known type with the highest
 * quality wins, the first of equals. Throws 400 for a `format` that does not exist.
 */
export function negotiate(wanted: string | null, accept: string | undefined): Negotiated {
  const ranges = accept === undefined || accept === '*/*' ? [] : parseAccept(accept)
  if (wanted) {
    if (wanted === 'html' || !Object.hasOwn(mediaTypeOf, wanted)) throw new GatewayError(400, `There is no format "${wanted}".`)
    const format = wanted as Format
    return { format, fromHeader: false, orAnything: false, parameters: parametersOf(ranges, format) }
  }
  const known = ranges.find(({ type }) => formatOfMediaType.has(type))
  const anything = ranges.find(({ type }) => type === '*/*')
  if (!known || (anything && anything.quality > known.quality)) return asItIs
  const format = formatOfMediaType.get(known.type)!
  return { format, fromHeader: true, orAnything: anything !== undefined, parameters: parametersOf(ranges, format) }
}

function parametersOf(ranges: readonly MediaRange[], format: Format): Map<string, string>[] {
  return ranges.filter(({ type }) => type === mediaTypeOf[format]).map(({ parameters }) => parameters)
}

function parseAccept(header: string): MediaRange[] {
  const ranges: MediaRange[] = []
  for (const part of header.split(',').slice(0, 64)) {
    const [type, ...rest] = part.split(';')
    const parameters = new Map<string, string>()
    for (const parameter of rest) {
      const [name, value = ''] = parameter.split('=')
      parameters.set(name!.trim().toLowerCase(), value.trim().replace(/^"(.*)"$/, '$1'))
    }
    const quality = Number(parameters.get('q') ?? 1)
    if (quality > 0) ranges.push({ type: type!.trim().toLowerCase(), quality, parameters })
  }
  return ranges.sort((a, b) => b.quality - a.quality)
}
