import type { Replication, StorageProvider } from '@keepsake/api/storage-providers.ts'
import { formatBytes, formatCount } from '../ui/format.ts'
import { continents } from './continents.ts'

function activeBytes(providers: readonly StorageProvider[]): number {
  return providers.flatMap(({ deals }) => deals).reduce((sum, { state, bytes }) => sum + (state === 'active' ? bytes : 0), 0)
}

function countriesOf(providers: readonly StorageProvider[]): string {
  const counts = Map.groupBy(providers, ({ country }) => country)
  const parts = [...counts].map(([country, of]) => (of.length > 1 ? `${country} ${of.length}` : country)).sort()
  return parts.length > 6 ? `${parts.slice(0, 6).join(', ')}, …` : parts.join(', ')
}

interface Props {
  providers: readonly StorageProvider[]
  /** For the operator: what is missing, and what there is too much of. */
  replication?: Pick<Replication, 'places' | 'short'> | undefined
}

/** On which continents and in which countries what is stored here lies: a map of tiles, as one would draw it from memory. */
export function ContinentMap({ providers, replication }: Props) {
  const most = Math.max(1, ...continents.map(({ code }) => activeBytes(providers.filter(({ continent }) => continent === code))))
  const used = continents.filter(({ code }) => code !== 'AN' || providers.some(({ continent }) => continent === 'AN'))
  return (
    <ul className="continents" aria-label="Storage providers by continent">
      {used.map(({ code, name }) => {
        const here = providers.filter(({ continent }) => continent === code)
        const bytes = activeBytes(here)
        return (
          <li key={code} className={`continent continent-${code} ${here.length > 0 ? 'continent-used' : ''}`}>
            <strong>{name}</strong>
            <span>{here.length === 0 ? 'nobody' : countriesOf(here)}</span>
            {here.length > 0 && <span>{formatBytes(bytes)} in sectors</span>}
            {replication && <Missing code={code} replication={replication} />}
            <svg className="continent-share" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
              <rect width={(100 * bytes) / most} height="1" />
            </svg>
          </li>
        )
      })}
    </ul>
  )
}

/** What of the pieces that lack replicas could go here, and of what there are too many here. */
function Missing({ code, replication: { places, short } }: { code: string; replication: Pick<Replication, 'places' | 'short'> }) {
  const here = places.find(({ continent, country }) => continent === code && country === null)
  // Where nobody is registered there is room for everything.
  const room = here?.room ?? short
  return (
    <>
      {short > 0 && <span className={room > 0 ? 'continent-short' : undefined}>{roomText(room)}</span>}
      {here && here.over > 0 && (
        <span className="holdings-bad">
          {here.over === 1 ? '1 piece has' : `${formatCount(here.over)} pieces have`} too many replicas here
        </span>
      )}
    </>
  )
}

function roomText(room: number): string {
  return room === 0 ? 'no missing one may go here' : `${formatCount(room)} missing may go here`
}
