import type { FastifyBaseLogger } from 'fastify'
import type { Config } from '../../config.ts'
import type { Db } from '../../database/database.ts'
import type { Facts } from '../../jobs/facts.ts'
import type { Mail } from '../../mail/mail.ts'
import type { Attempts } from './attempts.ts'

/** What the ways to sign in are made of. */
export interface SignInComponents {
  config: Config
  database: Db
  facts: Facts
  log: Pick<FastifyBaseLogger, 'info' | 'warn'>
  /** Without one, links are written to the log. */
  mail: Mail | undefined
  /** Makes the tokens in links from what the database knows of them. */
  signInSecret: Uint8Array
  attempts: Attempts
}
