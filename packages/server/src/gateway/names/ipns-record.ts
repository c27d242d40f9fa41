import type { CID } from 'multiformats/cid'
import { GatewayError } from '../errors.ts'

/** A record of a name that was checked. */
export interface CheckedRecord {
  /** As it was signed. */
  bytes: Uint8Array
  /** A path: `/ipfs/…` or `/ipns/…`. */
  value: string
  /** How long its owner wants it to be remembered; 0 where that is not said. */
  ttlSeconds: number
  expiresAt: Date
}

/** Longest record, in bytes (IPNS record specification, "Record Size Limit"). */
const maxRecordBytes = 10 * 1024

/**
 * Checks that a record was signed by the key of its name (V2 signature), has not expired, and says in its old fields what it says in its new ones.
 *
 * @throws GatewayError 502
 */
export async function checkRecord(key: CID, bytes: Uint8Array): Promise<CheckedRecord> {
  if (bytes.length > maxRecordBytes) throw new GatewayError(502, `The record of the name has more than ${maxRecordBytes} bytes.`)
  // Loaded when the first name is asked for: a server that resolves none need not hold it in memory.
  const [{ multihashToIPNSRoutingKey, unmarshalIPNSRecord }, { ipnsValidator }] = await Promise.all([
    import('ipns'),
    import('ipns/validator'),
  ])
  try {
    await ipnsValidator(multihashToIPNSRoutingKey(key.multihash as Parameters<typeof multihashToIPNSRoutingKey>[0]), bytes)
    const { value, validity, ttl } = unmarshalIPNSRecord(bytes)
    return { bytes, value, ttlSeconds: Number((ttl ?? 0n) / 1_000_000_000n), expiresAt: new Date(validity) }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new GatewayError(502, `The record of the name was found, but is not valid: ${why}`, {}, { cause })
  }
}
