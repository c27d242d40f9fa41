import { equals } from 'multiformats/bytes'
import type { CID } from 'multiformats/cid'
import { Service } from 'ucan-storage/service'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import type { Caller } from './authenticate.ts'
import { findUserByDid } from './store.ts'
import { contentConstraints, invalidUcan, readChain } from './ucan-chain.ts'

/** Issues the root tokens of this service and accepts what is delegated from them. Source: UCAN.Storage specification 0.8. */
export interface Ucans {
  /** The service's own DID: the audience of request tokens. */
  readonly did: string
  /** A root token: everything below `storage://<did>`, for two weeks. */
  issue(did: string): Promise<string>
  /** A new root token for a user who shows a request token of their own instead of an API key. */
  renew(token: string, did: string): Promise<string>
  /**
   * Who a request token acts for, and within which bounds.
   *
   * @param agentDid the `x-agent-did` header: the DID that signed the token
   * @throws KeepsakeError `ERROR_AGENT_DID_REQUIRED`, `ERROR_INVALID_UCAN`
   */
  authenticate(token: string, agentDid: string | undefined): Promise<Caller>
}

interface Components {
  database: Db
}

/** @param seed the 32 bytes of the service's Ed25519 private key */
export async function openUcans({ database }: Components, seed: Uint8Array): Promise<Ucans> {
  const service = await Service.fromPrivateKey(Buffer.from(seed).toString('base64'))
  return {
    did: service.did(),
    issue: (did) => service.ucan(did),
    renew: (token, did) => service.refresh(token, did).catch(refuse),
    authenticate: (token, agentDid) => authenticate(service, database, token, agentDid),
  }
}

/** What the library says in words of its own; the rest are exceptions of the code below it. */
const librarySays =
  /^(?:Invalid UCAN: (?:\S{100,}: )?)?((?:Audience|Root|Issuer|Signature|Expired|Not active|Capability|Child).*)/

/** The library puts whole tokens into its messages, which are credentials, and trips over chains that grant nothing. */
function refuse(error: unknown): never {
  if (error instanceof TypeError) throw invalidUcan('None of its capabilities is delegated from a token of this service.', error)
  const message = error instanceof Error ? error.message : String(error)
  throw invalidUcan(librarySays.exec(message)?.[1] ?? 'A key or a signature of the chain cannot be read.', error)
}

async function authenticate(service: Service, database: Db, token: string, agentDid: string | undefined): Promise<Caller> {
  if (!agentDid?.startsWith('did:key:'))
    throw new KeepsakeError('ERROR_AGENT_DID_REQUIRED', 'A UCAN needs the header `x-agent-did` with the DID that signed it.')
  const constraints = contentConstraints(readChain(token))
  const { root, cap, issuer } = await service.validateFromCaps(token).catch(refuse)
  if (issuer !== agentDid) {
    throw new KeepsakeError(
      'ERROR_AGENT_DID_REQUIRED',
      `Expected x-agent-did to be the DID that issued the UCAN, ${issuer}, got ${agentDid.slice(0, 100)}.`,
    )
  }
  const user = await findUserByDid(database, root.audience())
  if (!user) throw invalidUcan(`No user has registered ${root.audience()}, for whom its root token was issued.`)
  const { userId, subject, did, uploadsRestricted, deletesRestricted, storageLimitBytes } = user
  const credential = {
    meta: { ucan: { issuer, root: { issuer: root.issuer(), audience: root.audience() }, capability: cap } },
    checkContent: (content: { root: CID; car: CID }) => checkContent(constraints, content),
  }
  return {
    userId,
    subject,
    did,
    keyId: null,
    label: 'session',
    scope: 'upload',
    uploadsRestricted,
    deletesRestricted,
    storageLimitBytes,
    credential,
  }
}

function checkContent(constraints: readonly Uint8Array[][], { root, car }: { root: CID; car: CID }): void {
  const matches = (mh: Uint8Array) => equals(mh, root.multihash.bytes) || equals(mh, car.multihash.bytes)
  if (!constraints.every((allowed) => allowed.some(matches)))
    throw invalidUcan('It is for content with another multihash than the root and the CAR that came.')
}
