import { createSocket } from 'node:dgram'
import { Resolver } from 'node:dns/promises'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import { decode, encode } from 'dns-packet'
import type { rulesOf } from '../../src/network/addresses.ts'

type Resolve = NonNullable<Parameters<typeof rulesOf>[1]>

/** A DNS server on loopback whose owner changes what a name leads to from one question to the next. */
export interface ChangingDns {
  /** What each name leads to, question by question; the last for ever. */
  zone: Map<string, string[][]>
  /** Names that were asked for, in order. */
  asked: string[]
  /** Asks this server, and remembers nothing. */
  resolve: Resolve
  close(): void
}

export async function startChangingDns(): Promise<ChangingDns> {
  const zone: ChangingDns['zone'] = new Map()
  const asked: string[] = []
  const socket = createSocket('udp4')
  socket.on('message', (message, { port, address }) => {
    const { id = 0, questions = [] } = decode(message)
    const name = questions[0]?.name ?? ''
    const type = questions[0]?.type === 'AAAA' ? 'AAAA' : 'A'
    const all = zone.get(name) ?? []
    // A name is looked up by two questions that belong together: the second one ends the turn.
    const current = (all.length > 1 && type === 'AAAA' ? all.shift() : all[0]) ?? []
    if (type === 'AAAA') asked.push(name)
    const answers = current
      .filter((ip) => isIPv6(ip) === (type === 'AAAA'))
      .map((data) => ({ type, name, ttl: 0, data }) as const)
    socket.send(encode({ type: 'response', id, flags: 0x8180, questions, answers }), port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const resolver = new Resolver()
  resolver.setServers([`127.0.0.1:${socket.address().port}`])
  const none = () => []
  const lookUp = async (host: string) => {
    const ipv4 = await resolver.resolve4(host).catch(none)
    const ipv6 = await resolver.resolve6(host).catch(none)
    return [...ipv4.map((address) => ({ address, family: 4 })), ...ipv6.map((address) => ({ address, family: 6 }))]
  }
  const resolve = (host: string, _options: object, callback: (error: null, addresses: object[]) => void) =>
    void lookUp(host).then((addresses) => callback(null, addresses))
  return { zone, asked, resolve: resolve as unknown as Resolve, close: () => socket.close() }
}
