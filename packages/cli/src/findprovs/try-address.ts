import { BlockList, connect, isIP } from 'node:net'
import { connect as connectTls } from 'node:tls'

/** What came of trying an address from this machine. */
export interface Trial {
  address: string
  /** `private`: answers here, or not; others cannot reach it in any case. `untried`: a transport this command does not speak. */
  result: 'answers' | 'silent' | 'private' | 'untried'
  detail: string
}

const timeoutMs = 5_000

/** Both sides of a libp2p connection begin with this line, its length first (multistream-select 1.0). */
const hello = Buffer.from('\x13/multistream/1.0.0\n')

const notPublic = new BlockList()
for (const [net, prefix] of [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const)
  notPublic.addSubnet(net, prefix)
notPublic.addSubnet('::1', 128, 'ipv6')
notPublic.addSubnet('fc00::', 7, 'ipv6')
notPublic.addSubnet('fe80::', 10, 'ipv6')

function isPrivate(host: string): boolean {
  const family = isIP(host)
  if (family === 0) return host === 'localhost' || host.endsWith('.localhost')
  return notPublic.check(host, family === 4 ? 'ipv4' : 'ipv6')
}

const pattern =
  /^\/(?:ip4|ip6|dns|dns4|dns6)\/([^/]+)\/tcp\/(\d+)(\/tls|\/wss|\/ws|\/tls\/ws|\/tls\/sni\/[^/]+\/ws)?(?:\/p2p\/[^/]+)?$/

/** Connects to a multiaddr and waits for the first words of libp2p. */
export async function tryAddress(address: string, signal: AbortSignal): Promise<Trial> {
  const [, host, port, over = ''] = pattern.exec(address) ?? []
  if (host === undefined || port === undefined)
    return { address, result: 'untried', detail: 'not tried: this command speaks TCP and WebSocket' }
  const startedAt = performance.now()
  const bound = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
  const spoken = await (over.includes('ws') ? helloOverWebSocket : helloOverTcp)(
    { host, port: Number(port), isTls: /tls|wss/.test(over) },
    bound,
  ).catch((error: unknown) => error as Error)
  signal.throwIfAborted()
  const ms = Math.round(performance.now() - startedAt)
  if (!(spoken instanceof Error)) {
    if (isPrivate(host))
      return { address, result: 'private', detail: `libp2p answers here in ${ms} ms, but others cannot reach this address` }
    return { address, result: 'answers', detail: `libp2p answers in ${ms} ms` }
  }
  const why = bound.aborted ? `no answer within ${timeoutMs / 1000} s` : spoken.message
  return isPrivate(host)
    ? { address, result: 'private', detail: `others cannot reach this address; from here: ${why}` }
    : { address, result: 'silent', detail: why }
}

interface Target {
  host: string
  port: number
  isTls: boolean
}

function helloOverTcp({ host, port, isTls }: Target, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = isTls ? connectTls({ host, port, servername: host, rejectUnauthorized: false }) : connect({ host, port })
    let received = Buffer.alloc(0)
    const end = (error?: Error) => {
      signal.removeEventListener('abort', stop)
      socket.destroy()
      if (error) reject(error)
      else resolve()
    }
    const stop = () => end(new Error('no answer'))
    signal.addEventListener('abort', stop)
    socket.on(isTls ? 'secureConnect' : 'connect', () => socket.write(hello))
    socket.on('error', end)
    socket.on('close', () => end(new Error('the connection was closed')))
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      if (received.length >= hello.length) end(mistakeIn(received))
    })
  })
}

function helloOverWebSocket({ host, port, isTls }: Target, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${isTls ? 'wss' : 'ws'}://${host.includes(':') ? `[${host}]` : host}:${port}/`)
    socket.binaryType = 'arraybuffer'
    const end = (error?: Error) => {
      signal.removeEventListener('abort', stop)
      socket.close()
      if (error) reject(error)
      else resolve()
    }
    const stop = () => end(new Error('no answer'))
    signal.addEventListener('abort', stop)
    socket.addEventListener('open', () => socket.send(hello))
    socket.addEventListener('error', () => end(new Error('no WebSocket is to be had there')))
    let received = Buffer.alloc(0)
    socket.addEventListener('message', ({ data }: MessageEvent<ArrayBuffer>) => {
      received = Buffer.concat([received, Buffer.from(data)])
      if (received.length >= hello.length) end(mistakeIn(received))
    })
  })
}

function mistakeIn(received: Buffer): Error | undefined {
  return received.subarray(0, hello.length).equals(hello) ? undefined : new Error('something answers that is not libp2p')
}
