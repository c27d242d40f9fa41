/** A piece that this provider may ask for. */
export interface EligiblePiece {
  pieceCid: string
  paddedBytes: number
}

/** A deal that was proposed to this provider, signed by the client. */
export interface PendingProposal {
  /** Of the proposal itself, as the chain will name it. */
  proposalCid: string
  /** The signed proposal in CBOR, as PublishStorageDeals takes it. */
  signedProposal: Uint8Array
  /** Piece CID of version 2, which also says how long the data is. */
  pieceCidV2: string
  /** Where the piece can be downloaded, best first. */
  sources: string[]
}

/** The portal said no, in its own words. Asking again does not help by itself. */
export class PortalRefusal extends Error {
  override readonly name = 'PortalRefusal'
  /** Of the table of the portal, as 4023 for too many replicas. */
  readonly errorCode: number

  constructor(errorCode: number, message: string) {
    super(message)
    this.errorCode = errorCode
  }
}

/** The self-service of a storage client, as its providers see it: three requests. */
export interface Portal {
  eligiblePieces(signal: AbortSignal): Promise<EligiblePiece[]>
  /** @throws PortalRefusal */
  requestPiece(pieceCid: string, signal: AbortSignal): Promise<void>
  pendingProposals(signal: AbortSignal): Promise<PendingProposal[]>
}

/** What every answer of the portal is wrapped in. */
interface Envelope {
  response_code: number
  error_code?: number
  error_slug?: string
  error_lines?: string[]
  response: unknown
}

interface PortalOptions {
  /** Base of the client's server, as in `https://keepsake.example.org`. */
  url: string
  /** Makes the Authorization header for a request that is sent now. */
  authorize(signal: AbortSignal): Promise<string>
}

const requestTimeoutMs = 30_000
/** Enough for the longest list we ask for. */
const maxAnswerBytes = 32 * 1024 * 1024
const maxPieces = 500

export function openPortal({ url, authorize }: PortalOptions): Portal {
  async function ask(path: string, signal: AbortSignal): Promise<unknown> {
    const response = await fetch(`${url}/sp/${path}`, {
      headers: { authorization: await authorize(signal) },
      signal: AbortSignal.any([signal, AbortSignal.timeout(requestTimeoutMs)]),
      redirect: 'error',
    })
    const envelope = await readEnvelope(response)
    if (response.ok) return envelope.response
    const reason = envelope.error_lines?.join(' ') || `${url} answered ${response.status}`
    throw new PortalRefusal(envelope.error_code ?? response.status, reason)
  }

  return {
    eligiblePieces: async (signal) => list(await ask(`eligible_pieces?limit=${maxPieces}`, signal)).map(eligiblePiece),
    requestPiece: async (pieceCid, signal) => void (await ask(`request_piece/${pieceCid}`, signal)),
    async pendingProposals(signal) {
      const { pending_proposals } = object(await ask('pending_proposals', signal))
      return list(pending_proposals).map(pendingProposal)
    },
  }
}

async function readEnvelope(response: Response): Promise<Envelope> {
  if (Number(response.headers.get('content-length') ?? 0) > maxAnswerBytes) throw new Error('The portal answers too much.')
  const text = await response.text()
  try {
    return object(JSON.parse(text)) as unknown as Envelope
  } catch (cause) {
    throw new Error(`The portal answered ${response.status} with something that is not JSON.`, { cause })
  }
}

function eligiblePiece(value: unknown): EligiblePiece {
  const { piece_cid, padded_piece_size } = object(value)
  return { pieceCid: String(piece_cid), paddedBytes: Number(padded_piece_size) }
}

function pendingProposal(value: unknown): PendingProposal {
  const json = object(value)
  return {
    proposalCid: String(json.deal_proposal_cid),
    signedProposal: Buffer.from(String(json.proposal), 'base64'),
    pieceCidV2: String(json.piece_cid_v2),
    sources: list(json.data_sources).map(sourceUrl),
  }
}

function sourceUrl(value: unknown): string {
  return typeof value === 'string' ? value : String(object(value).url)
}

function object(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new TypeError('The portal answered something else than it should.')
  return value as Record<string, unknown>
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}
