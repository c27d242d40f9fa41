import { resolve } from 'node:path'
import type { Setting } from './config-setting.ts'
import { settings } from './config-settings.ts'

type Settings = typeof settings
type ValueOf<S> = S extends Setting<infer T> ? T : never
type Parsed = { readonly [K in keyof Settings]: ValueOf<Settings[K]> }

/** The configuration, whole: parsed once at start, frozen, and handed down. Nothing else reads the environment. */
export interface Config extends Omit<Parsed, 'DATA_DIR' | 'PUBLIC_URL'> {
  /** `DATA_DIR`, absolute. */
  readonly DATA_DIR: string
  /** `PUBLIC_URL`, or what follows from `PORT`. No slash at the end. */
  readonly PUBLIC_URL: string
}

/** All mistakes in the environment at once, one line each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly mistakes: readonly string[]

  constructor(mistakes: readonly string[]) {
    super(
      `The configuration has ${mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`}:\n${mistakes.map((m) => `  ${m}`).join('\n')}`,
    )
    this.mistakes = mistakes
  }
}

/**
 * Reads the settings from `env`. An empty value is the same as an absent one.
 *
 * @throws ConfigError naming every setting that is wrong, what was expected and what came.
 */
export function parseConfig(env: Record<string, string | undefined>): Config {
  const mistakes: string[] = []
  const values: Record<string, unknown> = {}
  for (const [name, setting] of Object.entries(settings) as [string, Setting<unknown>][]) {
    const text = env[name]?.trim()
    try {
      values[name] = text === undefined || text === '' ? setting.initial : setting.parse(text)
    } catch (error) {
      const shown = setting.secret ? 'something else' : JSON.stringify(text)
      mistakes.push(
        `${name}: expected ${setting.expects}, got ${shown}${error instanceof Error && error.message ? ` (${error.message})` : ''}`,
      )
    }
  }
  if (mistakes.length === 0) mistakes.push(...contradictions(values as unknown as Parsed))
  if (mistakes.length > 0) throw new ConfigError(mistakes)
  const parsed = values as unknown as Parsed
  return Object.freeze({
    ...parsed,
    DATA_DIR: resolve(parsed.DATA_DIR),
    PUBLIC_URL: (parsed.PUBLIC_URL ?? `http://localhost:${parsed.PORT}`).replace(/\/+$/, ''),
  })
}

function contradictions(c: Parsed): string[] {
  const found: string[] = []
  if (c.BLOBS === 's3' && !c.S3_BUCKET) found.push('S3_BUCKET: expected a bucket name because BLOBS=s3, got nothing')
  if (c.ROLE !== 'all' && !c.DATABASE_URL) {
    found.push(
      `DATABASE_URL: expected a PostgreSQL address because ROLE=${c.ROLE} shares its database with other processes, got nothing`,
    )
  }
  if (c.SMTP_URL && !c.MAIL_FROM) found.push('MAIL_FROM: expected a sender because SMTP_URL is set, got nothing')
  if (c.GITHUB_CLIENT_ID && !c.GITHUB_CLIENT_SECRET)
    found.push('GITHUB_CLIENT_SECRET: expected a secret because GITHUB_CLIENT_ID is set, got nothing')
  if ((c.AGGREGATE_MIN_BYTES ?? 0) > (c.AGGREGATE_TARGET_BYTES ?? Number.POSITIVE_INFINITY))
    found.push('AGGREGATE_MIN_BYTES: expected at most AGGREGATE_TARGET_BYTES, got more')
  return [...found, ...pinContradictions(c)]
}

function pinContradictions(c: Parsed): string[] {
  const found: string[] = []
  const need = (backend: Parsed['PIN_BACKENDS'][number], setting: string, what: string, value: unknown) => {
    const isMissing = value === undefined || (Array.isArray(value) && value.length === 0)
    if (c.PIN_BACKENDS.includes(backend) && isMissing)
      found.push(`${setting}: expected ${what} because PIN_BACKENDS names ${backend}, got nothing`)
  }
  if (!c.PIN_BACKENDS.includes('embedded'))
    found.push('PIN_BACKENDS: expected embedded to be among them, since this server keeps what it takes in any case')
  need('cluster', 'CLUSTER_URLS', 'the address of a peer', c.CLUSTER_URLS)
  need('pinata', 'PINATA_JWT', 'a JWT', c.PINATA_JWT)
  need('psa', 'PSA_URL', 'an address', c.PSA_URL)
  need('psa', 'PSA_TOKEN', 'a token', c.PSA_TOKEN)
  need('kubo', 'KUBO_RPC_URL', 'an address', c.KUBO_RPC_URL)
  if (c.CLUSTER_USER && !c.CLUSTER_PASSWORD)
    found.push('CLUSTER_PASSWORD: expected a password because CLUSTER_USER is set, got nothing')
  if (c.KUBO_RPC_AUTH !== undefined && !/^(bearer:.|basic:[^:]+:)/.test(c.KUBO_RPC_AUTH))
    found.push('KUBO_RPC_AUTH: expected bearer:TOKEN or basic:USER:PASSWORD, got something else')
  if (c.PIN_RETRY_MAX_MS < c.PIN_RETRY_MIN_MS) found.push('PIN_RETRY_MAX_MS: expected at least PIN_RETRY_MIN_MS')
  return found
}
