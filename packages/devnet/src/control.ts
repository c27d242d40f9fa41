import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { parseAddress } from '@keepsake/filecoin/address.ts'
import type { HeldDeal } from './provider/held-deals.ts'
import type { Mood } from './provider/mood.ts'
import type { RunningProvider } from './provider/provider.ts'
import type { ProviderProfile } from './providers.ts'

/** A provider of the devnet, and who it says it is. */
export interface DevnetProvider {
  profile: ProviderProfile
  running: RunningProvider
}

export interface ControlParts {
  providers: readonly DevnetProvider[]
  network: string
  rpcUrl: string
  epochMs: number
  head(): { epoch: number }
  /** Sends money from the faucet. @returns the CID of the message */
  fund(address: ReturnType<typeof parseAddress>, attoFil: bigint): Promise<string>
  /** Takes the last tipsets back and puts others, without their messages, in their place. */
  reorganise(depth: number): Promise<void>
}

const maxBodyBytes = 64 * 1024
const maxReorgDepth = 200
const attoFilPerFil = 10n ** 18n
const maxFil = 1_000_000

/** What is wrong with a command, for whoever gave it. */
class CommandRefusal extends Error {
  override readonly name = 'CommandRefusal'
}

type Command = (parts: ControlParts, body: Record<string, unknown>) => Promise<unknown>

/** A mood that a command sets. */
function moodCommand(change: Partial<Mood>): Command {
  return async ({ providers }, body) => {
    const chosen = choose(providers, body.provider)
    for (const { running } of chosen) await running.changeMood(change)
    return { providers: chosen.map(showProvider) }
  }
}

const commands: Record<string, Command> = {
  status: async (parts) => showStatus(parts),
  async fund({ fund }, { address, amount }) {
    const fil = amount === undefined ? 100 : Number(amount)
    if (!Number.isInteger(fil) || fil < 1 || fil > maxFil)
      throw new CommandRefusal(`An amount is 1 to ${maxFil} FIL, in whole ones.`)
    const message = await fund(addressIn(address), BigInt(fil) * attoFilPerFil)
    return { message }
  },
  async reorg({ reorganise, head }, { depth = 3 }) {
    if (!Number.isInteger(depth) || Number(depth) < 1 || Number(depth) > maxReorgDepth)
      throw new CommandRefusal(`A reorganisation is 1 to ${maxReorgDepth} epochs deep.`)
    await reorganise(Number(depth)).catch((error: unknown) => {
      throw error instanceof RangeError ? new CommandRefusal(error.message) : error
    })
    return { depth, head: head() }
  },
  async terminate({ providers }, { provider, deal, sector }) {
    const chosen = choose(providers, provider)
    const which = { deal: numberIn(deal, 'deal'), sector: numberIn(sector, 'sector') }
    if (chosen.length !== 1) throw new CommandRefusal('Say which provider.')
    if (which.deal === undefined && which.sector === undefined) throw new CommandRefusal('Say which deal, or which sector.')
    await chosen[0]!.running.terminate(which).catch((error: Error) => {
      throw new CommandRefusal(error.message)
    })
    return which
  },
  faults: moodCommand({ isFaulty: true }),
  recover: moodCommand({ isFaulty: false }),
  offline: moodCommand({ isOffline: true }),
  online: moodCommand({ isOffline: false }),
  'wrong-bytes': moodCommand({ sendsWrongBytes: true }),
  'right-bytes': moodCommand({ sendsWrongBytes: false }),
}

/** Takes commands: `POST /<command>` with JSON. Only for this machine, and so it listens on loopback. */
export function controlServer(parts: ControlParts): Server {
  return createServer((request, response) => {
    void answer(parts, request, response).catch((error: unknown) => {
      if (response.headersSent) return void response.destroy()
      const isTheirs = error instanceof CommandRefusal
      send(response, isTheirs ? 400 : 500, { error: (error as Error).message })
    })
  })
}

async function answer(parts: ControlParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  // A page in a browser may send a POST here without asking; it cannot send JSON as such.
  if (request.method !== 'POST' || !request.headers['content-type']?.startsWith('application/json'))
    return send(response, 415, { error: 'Commands are POSTs of application/json.' })
  const name = (request.url ?? '/').slice(1)
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (!command)
    return send(response, 404, {
      error: `There is no command ${JSON.stringify(name)}; there are ${Object.keys(commands).join(', ')}.`,
    })
  send(response, 200, await command(parts, await readBody(request)))
}

function send(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBodyBytes) throw new CommandRefusal(`A command has at most ${maxBodyBytes} bytes.`)
    chunks.push(chunk)
  }
  try {
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8') || '{}')
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Record<string, unknown>
  } catch {
    // Said below.
  }
  throw new CommandRefusal('A command is an object of JSON.')
}

function addressIn(value: unknown): ReturnType<typeof parseAddress> {
  try {
    return parseAddress(String(value))
  } catch (error) {
    throw new CommandRefusal((error as Error).message)
  }
}

function numberIn(value: unknown, name: string): number | undefined {
  if (value === undefined) return undefined
  if (!Number.isSafeInteger(value) || Number(value) < 0) throw new CommandRefusal(`The ${name} is a number.`)
  return Number(value)
}

/** One provider, by `f01000`, `t01000` or `1000`, or all where none is named. */
function choose(providers: readonly DevnetProvider[], named: unknown): readonly DevnetProvider[] {
  if (named === undefined) return providers
  const actorId = Number(String(named).replace(/^[ft]0/, ''))
  const found = providers.filter(({ running }) => running.actorId === actorId)
  if (found.length > 0) return found
  const known = providers.map(({ running }) => `f0${running.actorId}`).join(', ')
  throw new CommandRefusal(`There is no provider ${JSON.stringify(named)} here; there are ${known}.`)
}

function showDeal({ proposalCid, pieceCidV2, stage, reason, dealId, sector, failures }: HeldDeal) {
  return {
    proposalCid,
    pieceCid: pieceCidV2,
    stage,
    reason: reason ?? null,
    dealId: dealId ?? null,
    sector: sector ?? null,
    failures: failures ?? 0,
  }
}

function showProvider({ profile, running }: DevnetProvider) {
  return {
    provider: `f0${running.actorId}`,
    actorId: running.actorId,
    ...profile,
    retrievalUrl: running.retrievalUrl,
    ...running.mood(),
    deals: running.deals().map(showDeal),
  }
}

function showStatus(parts: ControlParts) {
  const { network, rpcUrl, epochMs } = parts
  return { network, rpcUrl, epochMs, head: parts.head(), providers: parts.providers.map(showProvider) }
}
