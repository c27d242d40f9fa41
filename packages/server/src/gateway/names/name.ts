import { findCid } from '@keepsake/content/hash/cid-text.ts'
import { findKey, LIBP2P_KEY, nameText } from '@keepsake/content/name/key.ts'
import { CID } from 'multiformats/cid'
import { GatewayError } from '../errors.ts'

/** What stands behind `/ipns/`: the key of an IPNS record, or a domain with a DNSLink. */
export type Name = { kind: 'key'; key: CID } | { kind: 'domain'; domain: string }

/** Longest domain and longest label, in characters (RFC 1035, section 2.3.4). */
const maxDomain = 253
const maxLabel = 63

const labelPattern = /^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?$/

/** Whether a text in lower case is a name of the DNS with at least two labels, and no address. */
export function isDomain(text: string): boolean {
  const labels = text.split('.')
  return (
    text.length <= maxDomain &&
    labels.length > 1 &&
    labels.every((label) => label.length <= maxLabel && labelPattern.test(label)) &&
    !/^\d+$/.test(labels.at(-1) as string)
  )
}

/** Reads the name in `/ipns/<name>`. @throws GatewayError 400 */
export function parseName(text: string): Name {
  const key = findKey(text) ?? keyOfOtherCodec(text)
  if (key) return { kind: 'key', key }
  const domain = text.toLowerCase().replace(/\.$/, '')
  if (isDomain(domain)) return { kind: 'domain', domain }
  throw new GatewayError(400, `${JSON.stringify(text.slice(0, 300))} is neither the key of a name nor a domain.`)
}

/** Reads the label before `.ipns.<gateway>`: as above, and domains whose dots were written as `-` (Subdomain Gateway, "DNSLink inlining"). @throws GatewayError 400 */
export function parseNameLabel(label: string): Name {
  const isInlined = !label.includes('.') && label.includes('-') && !findKey(label)
  return parseName(isInlined ? uninlined(label.toLowerCase()) : label)
}

/** The label of a name before `.ipns.<gateway>`. A domain that is too long for one label keeps its dots. */
export function nameLabel(name: Name): string {
  if (name.kind === 'key') return nameText(name.key)
  const inlined = name.domain.replaceAll('-', '--').replaceAll('.', '-')
  return inlined.length <= maxLabel ? inlined : name.domain
}

/** A name as paths have it. */
export function nameInPath(name: Name): string {
  return name.kind === 'key' ? nameText(name.key) : name.domain
}

function uninlined(label: string): string {
  return label.replace(/--|-/g, (dashes) => (dashes === '--' ? '-' : '.'))
}

/** Some write the key with the codec of a block: the key is the same. (Subdomain Gateway, "CID normalization".) */
function keyOfOtherCodec(text: string): CID | undefined {
  const cid = findCid(text)
  return cid?.version === 1 ? CID.createV1(LIBP2P_KEY, cid.multihash) : undefined
}
