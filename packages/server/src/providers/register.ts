import type { AskedRegistration } from '@keepsake/api/portal.ts'
import type { Database } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import type { Application } from './application.ts'
import { applyForRegistration } from './applications.ts'
import type { Door, Known } from './door.ts'
import type { Said } from './envelope.ts'
import type { ProviderDetails } from './providers.ts'

interface Parts {
  database: Pick<Database, 'kysely'>
  door: Pick<Door, 'note'>
}

/** `/sp/register`: what a provider says of itself is the signed argument of its header, so nobody says it in its name. */
export async function askRegistration(
  { database, door }: Parts,
  asked: Known,
): Promise<Pick<Said, 'refusals' | 'infoLines'> & { response: AskedRegistration | null }> {
  const { source, who, place, id: requestId } = asked
  const asking = { network: source.network, actorId: who.actorId, place, requestId, details: detailsOf(who.argument) }
  const { refusals, application } = await applyForRegistration(database, asking, async (db, outcome) => {
    await door.note(asked, outcome.refusals.length > 0 ? 403 : 200, outcome.refusals, { db })
  })
  if (!application) return { refusals, response: null }
  return { response: toAsked(application), infoLines: ['The operator decides. The status says what came of it.'] }
}

/** @throws KeepsakeError `ERROR_INVALID_SPID` for a header that was signed for something else */
function detailsOf(argument: Uint8Array): ProviderDetails {
  const said = new URLSearchParams(new TextDecoder().decode(argument))
  if (said.get('call') !== 'register')
    throw new KeepsakeError(
      'ERROR_INVALID_SPID',
      'The header has to be signed for this: its argument should be call=register&organisation=…&city=…&country=…&continent=….',
    )
  const text = (name: string) => said.get(name) ?? ''
  return {
    organisation: text('organisation'),
    city: text('city'),
    country: text('country'),
    continent: text('continent') as ProviderDetails['continent'],
    name: text('name'),
    retrievalUrl: said.get('retrieval_url'),
  }
}

/** What a provider is told of its own application. */
export function toAsked({ state, askedAt, decidedAt, because, ...application }: Application): AskedRegistration {
  const { organisation, city, country, continent, name, retrievalUrl } = application
  return {
    state,
    asked: askedAt.toISOString(),
    ...(decidedAt && { decided: decidedAt.toISOString() }),
    ...(because && { because }),
    organisation,
    city,
    country,
    continent,
    ...(name && { name }),
    ...(retrievalUrl && { retrieval_url: retrievalUrl }),
  }
}
