import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { SMTPServer } from 'smtp-server'

/** A mail as it came in. */
interface ReceivedMail {
  to: string[]
  from: string
  /** Header and body as sent. */
  raw: string
  /** The body parts, decoded. */
  text: string
  html: string
}

/** A real mail server on loopback that keeps what it is sent. */
export interface Mailbox extends AsyncDisposable {
  url: string
  mails: ReceivedMail[]
  /** Waits for the next mail to this address that was not taken yet. */
  take(address: string): Promise<ReceivedMail>
  /** Answers the next mails with a passing error. */
  refuse(times: number): void
}

/** @param login what a client has to show; without one anybody may send */
export async function openMailbox(login?: { user: string; password: string }): Promise<Mailbox> {
  const mails: ReceivedMail[] = []
  const taken = new Set<ReceivedMail>()
  let refusals = 0
  const server = new SMTPServer({
    authOptional: login === undefined,
    allowInsecureAuth: true,
    hideSTARTTLS: true,
    onAuth({ username, password }, _session, callback) {
      if (username === login?.user && password === login?.password) callback(null, { user: username })
      else callback(new Error('wrong login'))
    },
    onData(stream, session, callback) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        if (refusals > 0) {
          refusals--
          callback(Object.assign(new Error('try again later'), { responseCode: 451 }))
          return
        }
        const raw = Buffer.concat(chunks).toString('utf8')
        const from = session.envelope.mailFrom
        mails.push({
          to: session.envelope.rcptTo.map(({ address }) => address),
          from: from ? from.address : '',
          raw,
          text: part(raw, 'text/plain'),
          html: part(raw, 'text/html'),
        })
        callback()
      })
    },
  })
  server.listen(0, '127.0.0.1')
  await once(server.server, 'listening')
  const { port } = server.server.address() as AddressInfo
  return {
    url: `smtp://${login ? `${encodeURIComponent(login.user)}:${encodeURIComponent(login.password)}@` : ''}127.0.0.1:${port}`,
    mails,
    refuse: (times) => {
      refusals = times
    },
    async take(address) {
      for (const end = Date.now() + 20_000; Date.now() < end; await sleep(20)) {
        const mail = mails.find((one) => one.to.includes(address) && !taken.has(one))
        if (mail) {
          taken.add(mail)
          return mail
        }
      }
      throw new Error(`No mail came for ${address}.`)
    },
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

/** One part of a multipart/alternative, decoded from quoted-printable, base64 or nothing. */
function part(raw: string, type: string): string {
  const boundary = /boundary="([^"]+)"/.exec(raw)?.[1]
  for (const piece of boundary ? raw.split(`--${boundary}`) : [raw]) {
    const [head = '', ...rest] = piece.split('\r\n\r\n')
    if (!head.toLowerCase().includes(type)) continue
    const body = rest.join('\r\n\r\n')
    if (/quoted-printable/i.test(head)) {
      const bytes = body
        .replace(/=\r\n/g, '')
        .replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
      return Buffer.from(bytes, 'latin1').toString('utf8')
    }
    return /base64/i.test(head) ? Buffer.from(body, 'base64').toString('utf8') : body
  }
  return ''
}

/** The token in the link of a mail. */
export function tokenIn(text: string): string {
  const token = /\/sign-in\/link#([\w-]+)/.exec(text)?.[1]
  if (!token) throw new Error(`There is no link in ${text}`)
  return token
}
