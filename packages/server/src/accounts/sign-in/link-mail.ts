import { letterHtml, letterText } from '../../mail/letter.ts'
import type { Message } from '../../mail/mail.ts'

interface MailContent {
  /** Address of this server, without a slash at the end. */
  publicUrl: string
  to: string
  url: string
}

const name = (publicUrl: string) => new URL(publicUrl).host

/** The mail with a link to sign in, or to add the address to an account. */
export function linkMail({ publicUrl, to, url }: MailContent, purpose: 'sign-in' | 'add-address'): Message {
  const isSignIn = purpose === 'sign-in'
  const heading = isSignIn ? `Sign in to Keepsake` : 'Confirm your e-mail address'
  const letter = {
    heading,
    paragraphs: [
      isSignIn
        ? `Here is your link to sign in at ${name(publicUrl)}.`
        : `Somebody who is signed in at ${name(publicUrl)} wants to use ${to} to sign in there. If that was you, confirm it.`,
    ],
    button: { label: isSignIn ? 'Sign in' : 'Confirm', url },
    notes: [
      'The link works once, for 15 minutes.',
      'If you did not ask for it, you need not do anything; without the link nobody gets in.',
    ],
    sender: `Keepsake at ${publicUrl}`,
  }
  return { to, subject: `${heading} (${name(publicUrl)})`, text: letterText(letter), html: letterHtml(letter) }
}

export function invitationMail({ publicUrl, to, url }: MailContent): Message {
  const letter = {
    heading: 'You are invited to Keepsake',
    paragraphs: [`You can keep NFT data at ${name(publicUrl)}: stored by CID, served by an IPFS gateway, and checkable.`],
    button: { label: 'Open an account', url },
    notes: [`The invitation is for ${to}; sign in with this address.`],
    sender: `Keepsake at ${publicUrl}`,
  }
  return { to, subject: `${letter.heading} (${name(publicUrl)})`, text: letterText(letter), html: letterHtml(letter) }
}
