import { resolve } from 'node:path'
import { profiles } from './providers.ts'

/** What the devnet is told by its environment. */
export interface Settings {
  directory: string
  /** 0 for any, and then always the same. */
  rpcPort: number
  /** Of the server whose portal the storage providers use. */
  keepsakeUrl: string
  /** Of a new network. */
  epochMs: number
  /** Of a new network. */
  providers: number
}

function whole(env: NodeJS.ProcessEnv, name: string, initial: number, { min, max }: { min: number; max: number }): number {
  const text = env[name]?.trim() || String(initial)
  const value = Number(text)
  if (Number.isInteger(value) && value >= min && value <= max) return value
  throw new Error(`${name}: expected a whole number from ${min} to ${max}, got ${JSON.stringify(text)}`)
}

/** @throws Error naming the setting that is wrong */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const { DEVNET_DIR, DEVNET_KEEPSAKE_URL } = env
  if (!DEVNET_DIR) throw new Error('DEVNET_DIR: expected a folder, got nothing')
  const url = URL.parse(DEVNET_KEEPSAKE_URL ?? '')
  if (!url || !/^https?:$/.test(url.protocol)) throw new Error('DEVNET_KEEPSAKE_URL: expected the address of a Keepsake server')
  return {
    directory: resolve(DEVNET_DIR),
    rpcPort: whole(env, 'DEVNET_RPC_PORT', 0, { min: 0, max: 65_535 }),
    keepsakeUrl: url.href.replace(/\/+$/, ''),
    epochMs: whole(env, 'DEVNET_EPOCH_MS', 1_000, { min: 100, max: 60_000 }),
    providers: whole(env, 'DEVNET_PROVIDERS', 3, { min: 1, max: profiles.length }),
  }
}
