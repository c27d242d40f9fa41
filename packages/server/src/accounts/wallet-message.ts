/** What somebody signs to sign in. Source: ERC-4361, "Message Format". */
export interface WalletMessageFields {
  /** Host and port of the website. */
  domain: string
  /** With the checksum of ERC-55. */
  address: string
  /** One line that a person reads; may be absent. */
  statement?: string | undefined
  uri: string
  chainId: number
  nonce: string
  issuedAt: Date
  expirationTime?: Date | undefined
  notBefore?: Date | undefined
  requestId?: string | undefined
}

const header = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(\S+) wants you to sign in with your Ethereum account:$/i

/** The text of a message. */
export function writeWalletMessage(fields: WalletMessageFields): string {
  const { domain, address, statement, uri, chainId, nonce, issuedAt, expirationTime } = fields
  return [
    `${domain} wants you to sign in with your Ethereum account:`,
    address,
    '',
    ...(statement === undefined ? [] : [statement, '']),
    `URI: ${uri}`,
    'Version: 1',
    `Chain ID: ${chainId}`,
    `Nonce: ${nonce}`,
    `Issued At: ${issuedAt.toISOString()}`,
    ...(expirationTime === undefined ? [] : [`Expiration Time: ${expirationTime.toISOString()}`]),
  ].join('\n')
}

/** Reads a message; undefined for a text that is not one in every detail, since then it is not sure what its signer read. */
export function readWalletMessage(text: string): WalletMessageFields | undefined {
  const lines = text.split('\n')
  const take = (label: string, isNeeded = true) => {
    if (lines[0]?.startsWith(`${label}: `)) return lines.shift()!.slice(label.length + 2)
    return isNeeded ? '' : undefined
  }
  const domain = header.exec(lines.shift() ?? '')?.[2]
  const address = /^0x[0-9a-fA-F]{40}$/.exec(lines.shift() ?? '')?.[0]
  if (domain === undefined || address === undefined || lines.shift() !== '') return undefined
  // Without a statement there are two empty lines, or one where the writer left the second out.
  const statement = lines[0]?.startsWith('URI: ') ? undefined : lines.shift() || undefined
  if (lines[0] === '') lines.shift()
  else if (statement !== undefined) return undefined
  const [uri, version, chainId, nonce] = [take('URI'), take('Version'), take('Chain ID'), take('Nonce')] as string[]
  const [issuedAt, expirationTime, notBefore] = [
    readInstant(take('Issued At')),
    readInstant(take('Expiration Time', false)),
    readInstant(take('Not Before', false)),
  ]
  const requestId = take('Request ID', false)
  if (lines[0] === 'Resources:') {
    lines.shift()
    while (lines[0]?.startsWith('- ')) lines.shift()
  }
  const isWhole =
    lines.length === 0 &&
    version === '1' &&
    /^[1-9]\d{0,15}$/.test(chainId!) &&
    /^[A-Za-z0-9]{8,}$/.test(nonce!) &&
    issuedAt instanceof Date &&
    expirationTime !== null &&
    notBefore !== null
  if (!isWhole) return undefined
  return {
    domain,
    address,
    statement,
    uri: uri!,
    chainId: Number(chainId),
    nonce: nonce!,
    issuedAt,
    expirationTime,
    notBefore,
    requestId,
  }
}

/** A date-time of RFC 3339; null for what is none, undefined for what is not there. */
function readInstant(text: string | undefined): Date | null | undefined {
  if (text === undefined) return undefined
  const date = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/i.test(text)
    ? new Date(text)
    : new Date(Number.NaN)
  return Number.isNaN(date.getTime()) ? null : date
}
