import type { StatsHistory } from '@keepsake/api/service.ts'
import { formatCount } from '../ui/format.ts'
import { WideTable } from '../ui/wide-table.tsx'

const keepers: Record<string, string> = {
  embedded: 'This server',
  cluster: 'IPFS Cluster',
  pinata: 'Pinata',
  psa: 'A pinning service',
  kubo: 'A Kubo node',
}

/** Pins as they are today, by who keeps them. */
export function PinStates({ pins }: { pins: StatsHistory['pins'] }) {
  const rows = pins.map(({ backend, queued, pinning, pinned, failed }) => ({
    name: keepers[backend] ?? backend,
    counts: [queued, pinning, pinned, failed],
  }))
  return (
    <States
      title="Pins today, by who keeps them"
      first="Keeper"
      columns={['Queued', 'Pinning', 'Pinned', 'Failed']}
      rows={rows}
    />
  )
}

/** Pieces for Filecoin as they are today. */
export function PieceStates({ pieces: { collecting, building, built, failed } }: { pieces: StatsHistory['pieces'] }) {
  const rows = [{ name: 'Pieces', counts: [collecting, building, built, failed] }]
  return (
    <States
      title="Pieces for Filecoin today"
      first=""
      columns={['Filling', 'Being built', 'Ready for deals', 'Failed']}
      rows={rows}
    />
  )
}

interface StatesProps {
  title: string
  first: string
  columns: readonly string[]
  rows: readonly { name: string; counts: readonly number[] }[]
}

/** Counts by state, as a table. */
export function States({ title, first, columns, rows }: StatesProps) {
  if (rows.length === 0) return null
  return (
    <section className="stats-states" aria-label={title}>
      <h3>{title}</h3>
      <WideTable label={`${title}, as a table`}>
        <table>
          <thead>
            <tr>
              {first ? <th scope="col">{first}</th> : <td />}
              {columns.map((column) => (
                <th key={column} scope="col">
                  {column}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ name, counts }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                {counts.map((count, at) => (
                  <td key={columns[at]}>{formatCount(count)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </WideTable>
    </section>
  )
}
