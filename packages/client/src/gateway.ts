import { AnswerTooLongError, readBounded } from '@keepsake/filecoin/rpc/read-bounded.ts'
import type { CID } from 'multiformats/cid'
import type { Connection } from './connection.ts'
import { request } from './connection.ts'
import { ClientError } from './errors.ts'

interface CallOptions {
  signal?: AbortSignal | undefined
}

/**
 * Paths on `localhost` redirect to `<cid>.ipfs.localhost`, an origin for a browser of its own. Browsers know those names, resolvers of
 * operating systems mostly do not; by address the same gateway answers where it is asked.
 */
function gatewayOf(connection: Connection): Connection {
  const url = new URL(connection.endpoint)
  if (url.hostname === 'localhost') url.hostname = '127.0.0.1'
  // Content needs no key, so none is shown to whoever serves it.
  return { ...connection, key: undefined, endpoint: url.href.replace(/\/+$/, '') }
}

export interface CarRequest extends CallOptions {
  path?: readonly string[] | undefined
  /** Whether a block that a DAG has twice is to be sent twice, so that it can be read without remembering any. */
  duplicates: boolean
}

/** A CAR with the blocks of a path and of everything below its end, depth first. (Trustless Gateway specification.) */
export async function requestCar(
  connection: Connection,
  cid: CID,
  { path = [], duplicates, signal }: CarRequest,
): Promise<Response> {
  const dups = duplicates ? 'y' : 'n'
  const target = ['/ipfs', cid.toString(), ...path.map(encodeURIComponent)].join('/')
  return await request(gatewayOf(connection), `${target}?format=car&dag-scope=all&car-order=dfs&car-dups=${dups}`, {
    headers: { accept: `application/vnd.ipld.car; version=1; order=dfs; dups=${dups}` },
    signal,
  })
}

/** No block is larger anywhere; what is sent beyond it is not worth reading. */
const maxBlockBytes = 4 * 1024 * 1024

/** One block, not verified yet. */
export async function requestBlock(connection: Connection, cid: CID, { signal }: CallOptions): Promise<Uint8Array> {
  const response = await request(gatewayOf(connection), `/ipfs/${cid}?format=raw`, {
    headers: { accept: 'application/vnd.ipld.raw' },
    signal,
  })
  try {
    return await readBounded(response, maxBlockBytes)
  } catch (error) {
    if (!(error instanceof AnswerTooLongError)) throw error
    throw new ClientError('UNEXPECTED_ANSWER', `The gateway answers more than ${maxBlockBytes} bytes for block ${cid}.`)
  }
}
