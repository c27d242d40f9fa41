import type { JobHandlers } from '../../jobs/worker.ts'
import { forgetDeadSessions } from '../session.ts'
import { findUserByEmail } from '../store.ts'
import type { SignInComponents } from './components.ts'
import { findOpenLink, linkUrl } from './link.ts'
import { invitationMail, linkMail } from './link-mail.ts'
import { isWelcome } from './sign-up.ts'
import { deleteExpired, findInvitationById } from './store.ts'

type Components = Omit<SignInComponents, 'attempts' | 'facts'>

/** Sends a link, or writes it to the log where there is no mail server. A link that is over by now is not sent any more. */
async function sendLink(components: Components, linkId: string): Promise<void> {
  const { config, database, log, mail } = components
  const link = await findOpenLink(database, Buffer.from(linkId, 'hex'))
  if (!link) return
  const purpose = link.userId === null ? 'sign-in' : 'add-address'
  if (purpose === 'sign-in' && !(await isWelcome(components, link.email))) return
  const url = linkUrl(components, config.PUBLIC_URL, link.id)
  if (!mail) {
    log.warn({ email: link.email, link: url }, 'no mail server is configured (SMTP_URL): here is the link')
    return
  }
  // The address as its owner gave it, not as somebody typed it just now.
  const known = purpose === 'sign-in' ? await findUserByEmail(database, link.email) : undefined
  await mail.send(linkMail({ publicUrl: config.PUBLIC_URL, to: known?.email ?? link.email, url }, purpose))
}

async function sendInvitation({ config, database, log, mail }: Components, invitationId: number): Promise<void> {
  const invitation = await findInvitationById(database, invitationId)
  if (!invitation) return
  const url = `${config.PUBLIC_URL}/sign-in`
  if (mail) await mail.send(invitationMail({ publicUrl: config.PUBLIC_URL, to: invitation.email, url }))
  else log.warn({ email: invitation.email, link: url }, 'no mail server is configured (SMTP_URL): tell whom you invited')
}

export function signInJobs(
  components: Components,
): Pick<JobHandlers, 'send-sign-in-link' | 'send-invitation' | 'forget-sign-ins'> {
  return {
    'send-sign-in-link': (payload) => sendLink(components, String((payload as { linkId: unknown }).linkId)),
    'send-invitation': (payload) => sendInvitation(components, Number((payload as { invitationId: unknown }).invitationId)),
    'forget-sign-ins': async () => {
      await forgetDeadSessions(components)
      await deleteExpired(components.database)
    },
  }
}
