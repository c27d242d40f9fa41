import { domainToASCII } from 'node:url'
import { KeepsakeError } from '../../errors.ts'

const pattern = /^([A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+)@([^\s@]+)$/
const maxLength = 254

/**
 * An e-mail address in the form it is kept and compared in: ASCII, the domain in lower case and as it is in the DNS. Letters that only
 * look alike, or become alike in lower case, cannot stand for somebody else's address.
 *
 * @throws KeepsakeError `BAD_REQUEST`
 */
export function parseEmailAddress(text: unknown): string {
  const trimmed = typeof text === 'string' ? text.trim() : ''
  const [, local, writtenDomain = ''] = trimmed.length <= maxLength ? (pattern.exec(trimmed) ?? []) : []
  const domain = domainToASCII(writtenDomain)
  // `.invalid` is nobody's (RFC 2606); accounts of this service itself have such addresses.
  if (local === undefined || local.length > 64 || domain === '' || /(^|\.)invalid$/.test(domain))
    throw new KeepsakeError('BAD_REQUEST', `"${trimmed.slice(0, 100)}" is not an e-mail address.`)
  return `${local}@${domain}`
}
