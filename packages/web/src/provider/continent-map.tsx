import type { StorageProvider } from '@keepsake/api/storage-providers.ts'
import { formatBytes } from '../ui/format.ts'

/** Where each continent stands: a map of tiles, as one would draw it from memory. */
const tiles = [
  { code: 'NA', name: 'North America', column: 0, row: 0 },
  { code: 'EU', name: 'Europe', column: 1, row: 0 },
  { code: 'AS', name: 'Asia', column: 2, row: 0 },
  { code: 'SA', name: 'South America', column: 0, row: 1 },
  { code: 'AF', name: 'Africa', column: 1, row: 1 },
  { code: 'OC', name: 'Oceania', column: 2, row: 1 },
  { code: 'AN', name: 'Antarctica', column: 1, row: 2 },
] as const

const width = 200
const height = 96
const gap = 8

function activeBytes(providers: readonly StorageProvider[]): number {
  return providers.flatMap(({ deals }) => deals).reduce((sum, { state, bytes }) => sum + (state === 'active' ? bytes : 0), 0)
}

function countriesOf(providers: readonly StorageProvider[]): string {
  const counts = Map.groupBy(providers, ({ country }) => country)
  const parts = [...counts].map(([country, of]) => (of.length > 1 ? `${country} ${of.length}` : country)).sort()
  return parts.length > 6 ? `${parts.slice(0, 6).join(', ')}, …` : parts.join(', ')
}

/** On which continents and in which countries what is stored here lies. The table beside it has the numbers. */
export function ContinentMap({ providers }: { providers: readonly StorageProvider[] }) {
  const most = Math.max(1, ...tiles.map(({ code }) => activeBytes(providers.filter(({ continent }) => continent === code))))
  const used = tiles.filter(({ code }) => code !== 'AN' || providers.some(({ continent }) => continent === 'AN'))
  const rows = Math.max(...used.map(({ row }) => row)) + 1
  return (
    <div className="holdings">
      <svg
        className="continents"
        viewBox={`0 0 ${3 * width + 2 * gap} ${rows * height + (rows - 1) * gap}`}
        role="img"
        aria-label={`Storage providers by continent: ${used.map(({ code, name }) => `${name} ${providers.filter(({ continent }) => continent === code).length}`).join(', ')}.`}
      >
        {used.map(({ code, name, column, row }) => {
          const here = providers.filter(({ continent }) => continent === code)
          const bytes = activeBytes(here)
          return (
            <g
              key={code}
              transform={`translate(${column * (width + gap)} ${row * (height + gap)})`}
              className={here.length > 0 ? 'continent-used' : undefined}
            >
              <rect className="continent" width={width} height={height} rx="6" />
              <rect className="continent-share" y={height - 6} width={(width * bytes) / most} height="6" />
              <text x="12" y="26" className="continent-name">
                {name}
              </text>
              <text x="12" y="50">
                {here.length === 0 ? 'nobody' : countriesOf(here)}
              </text>
              {here.length > 0 && (
                <text x="12" y="74" className="continent-bytes">
                  {formatBytes(bytes)} in sectors
                </text>
              )}
            </g>
          )
        })}
      </svg>
    </div>
  )
}
