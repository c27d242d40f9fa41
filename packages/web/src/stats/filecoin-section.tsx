import type { FilecoinHistory } from '@keepsake/api/service.ts'
import { useMemo } from 'react'
import { formatCount } from '../ui/format.ts'
import { Chart, countSteps, type Series } from './chart.tsx'
import { States } from './states.tsx'

const percentSteps = [1, 2, 5, 10, 20, 25, 50]
const formatPercent = (value: number) => `${formatCount(Math.round(value * 10) / 10)} %`

const ages: Record<FilecoinHistory['ages'][number]['age'], string> = {
  day: 'Up to a day',
  week: 'Up to a week',
  month: 'Up to a month',
  older: 'Longer',
}

/** Deals as they go on, each with the line it is told by without colours. */
const states: { name: string; in: string[]; colour: Series['colour']; dash?: number[] }[] = [
  { name: 'Under way', in: ['reserved', 'proposed', 'delivered'], colour: 'copper', dash: [4, 4] },
  { name: 'Published', in: ['published'], colour: 'ink', dash: [10, 4] },
  { name: 'Active', in: ['active'], colour: 'verdigris' },
  { name: 'Ended or failed', in: ['expired', 'terminated', 'failed'], colour: 'copper', dash: [1, 3] },
]

type Day = FilecoinHistory['days'][number]
const dealsIn = ({ deals }: Day, names: readonly string[]) => names.reduce((sum, name) => sum + (deals[name] ?? 0), 0)
/** A day is there only where it has items. */
const share = (part: number, items: number) => (part / items) * 100

/** How much of what is kept here storage providers prove that they have. */
export function FilecoinSection({ filecoin, span }: { filecoin: FilecoinHistory; span: number }) {
  const { replicas, isDevnet, network, sampledAt } = filecoin
  const days = useMemo(() => filecoin.days.slice(-span), [filecoin, span])
  const names = useMemo(() => days.map(({ day }) => day), [days])
  const enough = `With ${formatCount(replicas)} or more`
  const proven = useMemo<Series[]>(
    () => [
      { label: 'With one or more', colour: 'verdigris', values: days.map((day) => share(day.provenOnce, day.items)) },
      { label: enough, colour: 'copper', dash: [10, 4], values: days.map((day) => share(day.provenEnough, day.items)) },
    ],
    [days, enough],
  )
  const deals = useMemo<Series[]>(
    () => states.map(({ name, in: of, ...look }) => ({ label: name, ...look, values: days.map((day) => dealsIn(day, of)) })),
    [days],
  )
  const newest = days.at(-1) as Day
  const where = isDevnet ? 'devnet: simulated storage providers on this machine' : network
  return (
    <>
      <section className="stats-section" aria-labelledby="proving">
        <h2 id="proving">Properly proving</h2>
        <p className="stats-note">
          Share of items with a deal whose sector was proven, of those that have had the time to be packed ({where}). The chain
          was last asked {new Date(sampledAt).toLocaleString()}.
        </p>
        <Chart
          label={`Items properly proving, ${formatPercent(share(newest.provenOnce, newest.items))} on ${newest.day}`}
          days={names}
          series={proven}
          format={formatPercent}
          steps={percentSteps}
        />
        <States
          title={`Items on ${newest.day}, by how long they have been complete`}
          first="Complete for"
          columns={['Items', 'Proving once', `Proving ${formatCount(replicas)} times`]}
          rows={filecoin.ages.map(({ age, items, provenOnce, provenEnough }) => ({
            name: ages[age],
            counts: [items, provenOnce, provenEnough],
          }))}
        />
      </section>
      <section className="stats-section" aria-labelledby="deals">
        <h2 id="deals">Deals, by state</h2>
        <p className="stats-note">{where}</p>
        <Chart
          label={`Deals by state, ${formatCount(dealsIn(newest, ['active']))} active on ${newest.day}`}
          days={names}
          series={deals}
          format={formatCount}
          steps={countSteps}
        />
        <States
          title="Deals, by day"
          first="Day"
          columns={states.map(({ name }) => name)}
          rows={days.toReversed().map((day) => ({ name: day.day, counts: states.map(({ in: of }) => dealsIn(day, of)) }))}
        />
      </section>
    </>
  )
}
