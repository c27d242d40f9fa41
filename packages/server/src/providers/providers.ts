import { formatAddress, idAddress, idOf, parseAddress } from '@keepsake/filecoin/address.ts'
import { KeepsakeError } from '../errors.ts'

/** Where a storage provider is, and whose: what the rules of replication count by. */
export interface Place {
  organisation: string
  city: string
  /** ISO 3166-1 alpha-2. */
  country: string
  continent: Continent
}

export const continents = ['AF', 'AN', 'AS', 'EU', 'NA', 'OC', 'SA'] as const
export type Continent = (typeof continents)[number]

/** A storage provider that an operator registered, and so may take pieces. */
export interface Provider extends Place {
  id: number
  network: string
  /** The number in f01234. */
  actorId: number
  name: string
  state: 'active' | 'suspended'
  suspendedBecause: string | null
  /** Base of its trustless gateway and piece endpoint; null where its addresses on the chain say it. */
  retrievalUrl: string | null
  createdAt: Date
}

export function addressOf({ actorId }: Pick<Provider, 'actorId'>): string {
  return formatAddress(idAddress(actorId))
}

/**
 * The number of a provider as people write it: `f01234`, `t01234` or `1234`.
 *
 * @throws KeepsakeError `BAD_REQUEST`
 */
export function parseActorId(text: string): number {
  try {
    const id = idOf(parseAddress(/^\d+$/.test(text) ? `f0${text}` : text))
    if (id !== undefined && Number.isSafeInteger(id)) return id
  } catch {
    // Said below.
  }
  throw new KeepsakeError(
    'BAD_REQUEST',
    `A storage provider is named as in f01234; this is ${JSON.stringify(text.slice(0, 60))}.`,
  )
}

/** What an operator says of a provider. */
export interface ProviderDetails extends Place {
  name: string
  retrievalUrl: string | null
}

const maxTextCharacters = 200

function checkText(name: string, text: string, { mayBeEmpty = false } = {}): string {
  const trimmed = text.trim()
  if (trimmed === '' && !mayBeEmpty) throw new KeepsakeError('BAD_REQUEST', `Say the ${name}.`)
  if (trimmed.length > maxTextCharacters)
    throw new KeepsakeError('BAD_REQUEST', `The ${name} has ${trimmed.length} characters; ${maxTextCharacters} are the most.`)
  return trimmed
}

function checkUrl(text: string): string {
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== '' || url.search !== '' || url.hash !== '')
    throw new KeepsakeError(
      'BAD_REQUEST',
      `The retrieval URL is an address that begins with https:// or http://; this is ${JSON.stringify(text.slice(0, 200))}.`,
    )
  return url.href.replace(/\/+$/, '')
}

/** What was said, in its one spelling. @throws KeepsakeError `BAD_REQUEST` naming what is wrong */
export function checkDetails(given: Partial<ProviderDetails>): Partial<ProviderDetails> {
  const checked: Partial<ProviderDetails> = {}
  if (given.name !== undefined) checked.name = checkText('name', given.name, { mayBeEmpty: true })
  if (given.organisation !== undefined) checked.organisation = checkText('organisation', given.organisation)
  if (given.city !== undefined) checked.city = checkText('city', given.city)
  if (given.country !== undefined) checked.country = checkCountry(given.country)
  if (given.continent !== undefined) checked.continent = checkContinent(given.continent)
  if (given.retrievalUrl !== undefined) checked.retrievalUrl = given.retrievalUrl ? checkUrl(given.retrievalUrl) : null
  return checked
}

function checkCountry(text: string): string {
  const country = text.trim().toUpperCase()
  if (!/^[A-Z]{2}$/.test(country))
    throw new KeepsakeError('BAD_REQUEST', `A country is two letters, as in DE; this is ${JSON.stringify(text.slice(0, 60))}.`)
  return country
}

function checkContinent(text: string): Continent {
  const continent = text.trim().toUpperCase() as Continent
  if (!continents.includes(continent))
    throw new KeepsakeError(
      'BAD_REQUEST',
      `A continent is one of ${continents.join(', ')}; this is ${JSON.stringify(text.slice(0, 60))}.`,
    )
  return continent
}
