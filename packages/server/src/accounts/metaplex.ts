import { decodeJwt, jwtVerify } from 'jose'
import { CID } from 'multiformats/cid'
import type { Config } from '../config.ts'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import type { Caller } from './authenticate.ts'
import { publicKeyOfDid } from './did.ts'
import { isLocalOnly } from './session-site.ts'
import { getServiceUser } from './users.ts'

interface Components {
  config: Config
  database: Db
}

/** What an upload through Metaplex is known by. Source: metaplex-auth SPEC.md, "Token format". */
interface MetaplexClaims {
  /** did:key of the Solana key that signed. */
  iss: string
  rootCID: CID
  solanaCluster: string
  mintingAgent: string
  agentVersion?: string
}

function invalid(reason: string, cause?: unknown): KeepsakeError {
  return new KeepsakeError('ERROR_INVALID_METAPLEX_TOKEN', `Invalid metaplex token: ${reason}`, { cause })
}

/** Without an account anybody may fill the disk, so on an address that others can reach this has to be switched on. */
function isEnabled(config: Config): boolean {
  return config.METAPLEX_UPLOADS === 'auto' ? isLocalOnly(config) : config.METAPLEX_UPLOADS === 'on'
}

/**
 * Who an upload belongs to that shows a token signed with a Solana key: all of them to one service account.
 *
 * @param header the `x-web3auth` header: `Metaplex <jwt>`
 * @throws KeepsakeError `ERROR_METAPLEX_UPLOADS_OFF`, `ERROR_METAPLEX_TOKEN_NOT_FOUND`, `ERROR_INVALID_METAPLEX_TOKEN`
 */
export async function authenticateMetaplex(components: Components, header: unknown): Promise<Caller> {
  if (!isEnabled(components.config)) {
    throw new KeepsakeError(
      'ERROR_METAPLEX_UPLOADS_OFF',
      'This server takes no uploads without an account; its operator can allow them with METAPLEX_UPLOADS=on.',
    )
  }
  const token = typeof header === 'string' ? /^metaplex +(\S+)$/i.exec(header.trim())?.[1] : undefined
  if (token === undefined) {
    throw new KeepsakeError('ERROR_METAPLEX_TOKEN_NOT_FOUND', 'Metaplex token not found: expected `x-web3auth: Metaplex {jwt}`.')
  }
  const { rootCID, ...claims } = await verifyToken(token)
  const { userId, subject, did, uploadsRestricted, deletesRestricted, storageLimitBytes } = await getServiceUser(
    components,
    'metaplex',
  )
  const credential = {
    meta: { ...claims, rootCID: rootCID.toString() },
    checkContent: ({ root }: { root: CID }) => {
      if (!root.toV1().equals(rootCID)) throw invalid('CID in token does not match content')
    },
  }
  return {
    userId,
    subject,
    did,
    keyId: null,
    label: 'metaplex',
    scope: 'upload',
    uploadsRestricted,
    deletesRestricted,
    storageLimitBytes,
    credential,
  }
}

async function verifyToken(token: string): Promise<MetaplexClaims> {
  const { iss } = decode(token)
  if (!iss) throw invalid('required field "iss" not present in payload')
  const payload = await verifySignature(token, iss)
  const put = field(field(payload, 'req'), 'req.put', 'put')
  if (typeof put.rootCID !== 'string') throw invalid('root CID not present in payload')
  const tags = field(put, 'req.put.tags', 'tags')
  // Tokens of before mid-2022 spell the tag with a hyphen.
  const solanaCluster = tag(tags, 'solanaCluster') ?? tag(tags, 'solana-cluster')
  if (solanaCluster === undefined) throw invalid('"solanaCluster" tag not present in payload')
  const agentVersion = tag(tags, 'agentVersion')
  return {
    iss,
    rootCID: parseRoot(put.rootCID),
    solanaCluster,
    mintingAgent: tag(tags, 'mintingAgent') ?? 'unknown',
    ...(agentVersion !== undefined && { agentVersion }),
  }
}

function decode(token: string) {
  try {
    return decodeJwt(token)
  } catch (error) {
    throw invalid('it is not a signed JWT', error)
  }
}

/** The signer's key is in the token itself: what the signature proves is that the holder of that key wants this root stored. */
async function verifySignature(token: string, iss: string): Promise<object> {
  try {
    const x = Buffer.from(publicKeyOfDid(iss)).toString('base64url')
    const options = { algorithms: ['EdDSA'], typ: 'JWT' }
    return (await jwtVerify(token, { kty: 'OKP', crv: 'Ed25519', x }, options)).payload
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : String(error), error)
  }
}

function field(of: object, path: string, name = path): Record<string, unknown> {
  const value = (of as Record<string, unknown>)[name]
  if (typeof value !== 'object' || value === null) throw invalid(`required field "${path}" not present in payload`)
  return value as Record<string, unknown>
}

function tag(tags: Record<string, unknown>, name: string): string | undefined {
  const value = Object.hasOwn(tags, name) ? tags[name] : undefined
  if (value !== undefined && typeof value !== 'string') throw invalid(`"${name}" tag must have a string value if present`)
  return value
}

function parseRoot(text: string): CID {
  try {
    return CID.parse(text).toV1()
  } catch (error) {
    throw invalid(`"${text.slice(0, 100)}" is not a CID`, error)
  }
}
