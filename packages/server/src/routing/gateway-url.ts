import type { AddressInfo } from 'node:net'
import type { Config } from '../config.ts'

/** Where content is had from this server by HTTP: `GATEWAY_HOST` where it has one, else `PUBLIC_URL`. `listening` says the port where any was taken. */
export function gatewayUrlOf(
  { PUBLIC_URL, GATEWAY_HOST }: Pick<Config, 'PUBLIC_URL' | 'GATEWAY_HOST'>,
  listening: AddressInfo | string | null,
): string {
  const url = new URL(PUBLIC_URL)
  if (url.port === '0' && listening !== null && typeof listening !== 'string') url.port = String(listening.port)
  if (GATEWAY_HOST !== undefined) url.hostname = GATEWAY_HOST
  return url.origin
}
