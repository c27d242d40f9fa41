import { createTransport } from 'nodemailer'

/** One message to one person, in both forms a mail reader may show. */
export interface Message {
  to: string
  subject: string
  text: string
  html: string
}

export interface Mail {
  /** Resolves when the mail server has taken the message. @throws Error with the server's own words */
  send(message: Message): Promise<void>
  /** Rejects where the mail server cannot be reached or refuses the login. */
  check(): Promise<void>
  close(): void
}

interface MailOptions {
  /** `smtp://` (STARTTLS where offered) or `smtps://`, with user and password where needed. */
  url: string
  from: string
}

/** A mail server that says nothing for this long is not there. */
const answerTimeoutMs = 15_000

/** Mail by SMTP (RFC 5321). Connections are made when first needed, and a few are kept. */
export function openMail({ url, from }: MailOptions): Mail {
  const transport = createTransport(
    {
      url,
      pool: true,
      maxConnections: 2,
      connectionTimeout: answerTimeoutMs,
      greetingTimeout: answerTimeoutMs,
      socketTimeout: answerTimeoutMs,
      // What is sent is text we wrote: nothing in it may make this server read a file or an address.
      disableFileAccess: true,
      disableUrlAccess: true,
    },
    { from },
  )
  return {
    async send({ to, subject, text, html }) {
      // Answers of absence machines to a sign-in link help nobody.
      const headers = { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' }
      await transport.sendMail({ to: { name: '', address: to }, subject, text, html, headers })
    },
    async check() {
      await transport.verify()
    },
    close: () => transport.close(),
  }
}
