import type { Replicated, Replication } from '@keepsake/api/storage-providers.ts'
import type { ReactNode } from 'react'
import { continentName } from '../provider/continents.ts'
import { formatCount } from '../ui/format.ts'
import { WideTable } from '../ui/wide-table.tsx'

/** What has fewer or more replicas than it should, and what lies too close together. */
export function ReplicationReport({ report: { wanted, counts, places, short, under, over, crowded } }: { report: Replication }) {
  if (counts.length === 0) return <p>No aggregate has been built yet.</p>
  return (
    <>
      <Counts wanted={wanted} counts={counts} />
      {places.length > 0 && <Places places={places} isAnyShort={short > 0} />}
      <Pieces title="With too few replicas" pieces={under} />
      <Pieces title="With more than are wanted" pieces={over} />
      <Crowded crowded={crowded} />
    </>
  )
}

function Counts({ wanted, counts }: Pick<Replication, 'wanted' | 'counts'>) {
  return (
    <div className="holdings">
      <table className="table-narrow">
        <thead>
          <tr>
            <th scope="col">Replicas</th>
            <th scope="col">Aggregates</th>
          </tr>
        </thead>
        <tbody>
          {counts.map(({ replicas, aggregates }) => (
            <tr key={replicas}>
              <td className={replicas < wanted ? 'holdings-bad' : undefined}>
                {replicas} of {wanted}
              </td>
              <td>{formatCount(aggregates)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Places({ places, isAnyShort }: { places: Replication['places']; isAnyShort: boolean }) {
  return (
    <WideTable className="holdings" label="Replicas by place">
      <table>
        <thead>
          <tr>
            <th scope="col">Place</th>
            <th scope="col">Replicas</th>
            <th scope="col">Of aggregates</th>
            <th scope="col">With too many there</th>
            {isAnyShort && <th scope="col">Lacking one that may go there</th>}
          </tr>
        </thead>
        <tbody>
          {places.map(({ continent, country, replicas, aggregates, over, room }) => (
            <tr key={`${continent} ${country}`}>
              <th scope="row" className={country === null ? undefined : 'place-inside'}>
                {country === null ? <strong>{continentName(continent)}</strong> : country}
              </th>
              <td>{formatCount(replicas)}</td>
              <td>{formatCount(aggregates)}</td>
              <td className={over > 0 ? 'holdings-bad' : undefined}>{formatCount(over)}</td>
              {isAnyShort && <td>{formatCount(room)}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </WideTable>
  )
}

function Pieces({ title, pieces }: { title: string; pieces: readonly Replicated[] }) {
  if (pieces.length === 0) return null
  return (
    <details>
      <summary>
        {title} ({formatCount(pieces.length)})
      </summary>
      <ul className="plain-list">
        {pieces.map(({ aggregate, pieceCid, replicas, providers }) => (
          <li key={aggregate}>
            <Piece pieceCid={pieceCid}>
              Aggregate {aggregate}: {replicas} {providers.length > 0 && `at ${providers.join(', ')}`}
            </Piece>
          </li>
        ))}
      </ul>
    </details>
  )
}

function Crowded({ crowded }: Pick<Replication, 'crowded'>) {
  if (crowded.length === 0) return null
  return (
    <details open>
      <summary>Too many in one place ({formatCount(crowded.length)})</summary>
      <ul className="plain-list">
        {crowded.map(({ aggregate, pieceCid, where, replicas, most }) => (
          <li key={`${aggregate} ${where}`}>
            <Piece pieceCid={pieceCid}>
              <strong>{where}</strong>: {replicas} of aggregate {aggregate}, at most {most}
            </Piece>
          </li>
        ))}
      </ul>
    </details>
  )
}

function Piece({ pieceCid, children }: { pieceCid: string; children: ReactNode }) {
  return (
    <div>
      {children}
      <p>
        <code>{pieceCid}</code>
      </p>
    </div>
  )
}
