import type { PinBackend } from '../backend.ts'
import { psaBackend } from '../psa/psa-backend.ts'
import type { PinataOptions } from './options.ts'
import { pinByCid } from './pin-by-cid.ts'
import { pinByHash } from './pin-by-hash.ts'

/** Which of Pinata's three ways of pinning a CID: the Pinning Service API, its first API, its third. */
export const pinataApis = ['psa', 'hash', 'v3'] as const
export type PinataApi = (typeof pinataApis)[number]

/** Pinata fetches a DAG by its CID from our peer; its bytes are not sent. */
export function pinataBackend(api: PinataApi, options: PinataOptions): PinBackend {
  if (api === 'hash') return pinByHash(options)
  if (api === 'v3') return pinByCid(options)
  return psaBackend({ ...options, name: 'pinata', url: new URL('/psa', options.url) })
}
