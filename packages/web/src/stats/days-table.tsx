import type { StatsHistory } from '@keepsake/api/service.ts'
import { formatBytes, formatCount } from '../ui/format.ts'
import { WideTable } from '../ui/wide-table.tsx'
import { uploadTypes } from './upload-types.ts'

/** The same numbers, to read and to copy; the newest day first. */
export function DaysTable({ days }: { days: StatsHistory['days'] }) {
  return (
    <details className="stats-table">
      <summary>The numbers as a table</summary>
      <WideTable label="Numbers by day">
        <table>
          <thead>
            <tr>
              <th scope="col">Day</th>
              {uploadTypes.map(({ type, label }) => (
                <th key={type} scope="col">
                  {label}
                </th>
              ))}
              <th scope="col">Stored</th>
              <th scope="col">Pinned here</th>
              <th scope="col">Pins elsewhere</th>
              <th scope="col">Pieces</th>
              <th scope="col">Accounts</th>
            </tr>
          </thead>
          <tbody>
            {days.toReversed().map((day) => (
              <tr key={day.day}>
                <th scope="row">{day.day}</th>
                {uploadTypes.map(({ type }) => (
                  <td key={type}>{formatCount(day.uploads[type])}</td>
                ))}
                <td>{formatBytes(day.storedBytes)}</td>
                <td>{formatCount(day.pinned)}</td>
                <td>{formatCount(day.pinnedElsewhere)}</td>
                <td>{formatCount(day.pieces)}</td>
                <td>{formatCount(day.users)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </WideTable>
    </details>
  )
}
