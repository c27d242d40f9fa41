import { sql } from 'kysely'
import { collectGarbage } from '../../src/blocks/collect-garbage.ts'
import { pinContents, retryPins } from '../../src/pins/hand-over.ts'
import { trackPins } from '../../src/pins/track-pins.ts'
import type { TestServer } from '../accounts/server.ts'
import { startServer } from '../accounts/server.ts'

export interface PinServer extends TestServer {
  key: string
  /** Stores a text; gives its CID. */
  store(text: string): Promise<string>
  /** The pins of a CID in the answer about it, by backend. */
  // biome-ignore lint/suspicious/noExplicitAny: whatever the server says is what is under test
  pinsOf(cid: string): Promise<Record<string, any>>
  /** Runs the sweeps as the clock would, once. */
  sweep(): Promise<void>
  /** As if so much time had passed: what is due within it is due now. */
  pass(ms: number): Promise<void>
  remove(cid: string): Promise<void>
  /** Forgets what nobody holds, without grace. */
  collect(): Promise<void>
}

/** A server with other backends, whose sweeps run when the test says so. */
export async function startPinServer(env: Record<string, string>): Promise<PinServer> {
  const server = await startServer({
    PIN_RETRY_MIN_MS: '60000',
    PIN_CALLS_PER_MINUTE: '10000',
    PIN_IDLE_TIMEOUT_MS: '2000',
    ...env,
  })
  const { key } = await server.createUser('ada@example.com')
  const headers = { authorization: `Bearer ${key}` }
  const { service } = server
  const { kysely } = service.database
  return Object.assign(server, {
    key,
    async store(text: string) {
      const { status, json } = await server.call('/upload', { method: 'POST', headers, body: text })
      if (status !== 200) throw new Error(JSON.stringify(json))
      return json.value.cid as string
    },
    async pinsOf(cid: string) {
      const { json } = await server.call(`/check/${cid}`)
      return Object.fromEntries(json.value.pins.map((pin: { backend: string }) => [pin.backend, pin]))
    },
    async sweep() {
      await pinContents(service)
      await retryPins(service)
      await trackPins(service)
    },
    async pass(ms: number) {
      const time = sql`make_interval(secs => ${ms / 1000})`
      await sql`update pin set next_attempt_at = next_attempt_at - ${time}, handed_over_at = handed_over_at - ${time}`.execute(
        kysely,
      )
      await sql`update pin_backend set resting_until = resting_until - ${time}`.execute(kysely)
      await sql`update unpin set next_attempt_at = next_attempt_at - ${time}`.execute(kysely)
    },
    async remove(cid: string) {
      await server.call(`/${cid}`, { method: 'DELETE', headers })
    },
    async collect() {
      await collectGarbage({ ...service, graceMs: -60_000 })
    },
  })
}
