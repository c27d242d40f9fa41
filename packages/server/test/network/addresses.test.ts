import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { addressRules, RefusedAddressError } from '../../src/network/addresses.ts'

const strict = addressRules({ allowPrivate: false })

describe('an address that users or strangers name', () => {
  it.each([
    ['this network', '0.0.0.0'],
    ['private', '10.1.2.3'],
    ['private', '172.16.0.1'],
    ['private', '172.31.255.255'],
    ['private', '192.168.1.1'],
    ['shared by a carrier', '100.64.0.1'],
    ['loopback', '127.0.0.1'],
    ['loopback', '127.255.255.254'],
    ['link-local, where clouds keep secrets', '169.254.169.254'],
    ['documentation', '203.0.113.9'],
    ['benchmarks', '198.19.0.1'],
    ['multicast', '224.0.0.1'],
    ['reserved', '255.255.255.255'],
    ['unspecified', '::'],
    ['loopback', '::1'],
    ['IPv4 loopback, mapped', '::ffff:127.0.0.1'],
    ['IPv4 private, mapped, in hexadecimal', '::ffff:a00:1'],
    ['IPv4, compatible', '::127.0.0.1'],
    ['NAT64 of loopback', '64:ff9b::7f00:1'],
    ['NAT64, local', '64:ff9b:1::1'],
    ['6to4 of a private address', '2002:c0a8:101::1'],
    ['Teredo', '2001:0:1::1'],
    ['unique local', 'fc00::1'],
    ['unique local', 'fd12:3456::1'],
    ['link-local', 'fe80::1'],
    ['link-local with a zone', 'fe80::1%eth0'],
    ['multicast', 'ff02::1'],
    ['documentation', '2001:db8::1'],
    ['discard only', '100::1'],
    ['not an address', 'localhost'],
    ['not an address', '0x7f000001'],
    ['not an address', '127.1'],
    ['nothing', ''],
  ])('is refused: %s (%s)', (_what, ip) => {
    expect(strict.allows(ip)).toBe(false)
    expect(() => strict.check(ip)).toThrow(RefusedAddressError)
  })

  it.each(['1.1.1.1', '8.8.8.8', '172.32.0.1', '172.15.255.255', '100.128.0.1', '11.0.0.1', '2606:4700::1111', '2a00:1450::1'])(
    'is allowed where it is public: %s',
    (ip) => {
      expect(strict.allows(ip)).toBe(true)
      strict.check(ip)
    },
  )

  it('may be private where the operator says so, but must be an address', () => {
    const open = addressRules({ allowPrivate: true })
    expect(open.allows('127.0.0.1')).toBe(true)
    expect(open.allows('fd00::1')).toBe(true)
    expect(open.allows('localhost')).toBe(false)
  })
})

describe('a connection to a name', () => {
  it('is refused where the name leads to a private address, before anything is sent there', async () => {
    let connections = 0
    const server = createServer(() => connections++).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    try {
      const socket = connect({ host: 'localhost', port, lookup: strict.lookup })
      const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException]
      expect(error).toMatchObject({ code: 'EREFUSEDADDRESS' })
      expect(error.message).toMatch(/localhost \(.*(127\.0\.0\.1|::1).*\) is not a public address/)
      expect(connections).toBe(0)
    } finally {
      server.close()
    }
  })

  it('is made where private addresses are allowed', async () => {
    const server = createServer((socket) => socket.end('hello')).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    try {
      const { lookup } = addressRules({ allowPrivate: true })
      const socket = connect({ host: 'localhost', port, lookup, family: 4 }).setEncoding('utf8')
      expect((await once(socket, 'data'))[0]).toBe('hello')
    } finally {
      server.close()
    }
  })
})
