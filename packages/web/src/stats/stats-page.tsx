import type { StatsHistory } from '@keepsake/api/service.ts'
import { type ReactNode, useCallback, useMemo, useState } from 'react'
import { call } from '../api/call.ts'
import { useResource } from '../api/use-resource.ts'
import { SelectField } from '../ui/field.tsx'
import { formatBytes, formatCount } from '../ui/format.ts'
import { FailureNotice } from '../ui/notice.tsx'
import { Page } from '../ui/page.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { byteSteps, Chart, countSteps, type Series } from './chart.tsx'
import { DaysTable } from './days-table.tsx'
import { FilecoinSection } from './filecoin-section.tsx'
import { PieceStates, PinStates } from './states.tsx'
import { uploadTypes } from './upload-types.ts'

export default function StatsPage() {
  const history = useResource(useCallback((signal) => call<StatsHistory>('GET', '/api/stats/history', { signal }), []))
  return (
    <Page
      title="Numbers"
      lead="What is kept on this server. Counted from its database, at most a minute ago; days are those of UTC."
    >
      {history.status === 'loading' && <Skeleton lines={8} />}
      {history.status === 'failed' && <FailureNotice error={history.error} retry={history.reload} />}
      {history.value && <Figures history={history.value} />}
    </Page>
  )
}

type Days = StatsHistory['days']

interface Plot {
  id: string
  title: string
  /** What it shows, for whoever does not see it. */
  label: (days: Days) => string
  seriesOf: (days: Days) => Series[]
  format: (value: number) => string
  steps: number[]
}

const last = (days: Days, of: (day: Days[number]) => number) => of(days.at(-1) as Days[number])

function one(label: string, colour: Series['colour'], of: (day: Days[number]) => number) {
  return (days: Days): Series[] => [{ label, colour, values: days.map(of) }]
}

function countUploads(days: Days): number {
  return days.reduce((sum, day) => sum + uploadTypes.reduce((of, { type }) => of + day.uploads[type], 0), 0)
}

const uploads: Plot = {
  id: 'uploads',
  title: 'Uploads a day, by type',
  label: (days) => `Uploads a day by type, ${formatCount(countUploads(days))} in all`,
  seriesOf: (days) =>
    uploadTypes.map(({ type, label, colour, dash }) => ({ label, colour, dash, values: days.map((day) => day.uploads[type]) })),
  format: formatCount,
  steps: countSteps,
}

const bytes: Plot = {
  id: 'bytes',
  title: 'Bytes stored',
  label: (days) => `Bytes stored, ${formatBytes(last(days, (day) => day.storedBytes))} today`,
  seriesOf: one('Bytes stored', 'verdigris', (day) => day.storedBytes),
  format: formatBytes,
  steps: byteSteps,
}

const pinned: Plot = {
  id: 'pins',
  title: 'Pinned',
  label: (days) =>
    `Contents pinned, ${formatCount(last(days, (day) => day.pinned))} here and ${formatCount(last(days, (day) => day.pinnedElsewhere))} elsewhere today`,
  seriesOf: (days) => [
    { label: 'Here', colour: 'verdigris', values: days.map((day) => day.pinned) },
    { label: 'Elsewhere', colour: 'copper', dash: [10, 4], values: days.map((day) => day.pinnedElsewhere) },
  ],
  format: formatCount,
  steps: countSteps,
}

const built: Plot = {
  id: 'pieces',
  title: 'Pieces for Filecoin',
  label: (days) => `Pieces that are built, ${formatCount(last(days, (day) => day.pieces))} today`,
  seriesOf: one('Pieces', 'ink', (day) => day.pieces),
  format: formatCount,
  steps: countSteps,
}

const users: Plot = {
  id: 'accounts',
  title: 'Accounts',
  label: (days) => `Accounts, ${formatCount(last(days, (day) => day.users))} today`,
  seriesOf: one('Accounts', 'copper', (day) => day.users),
  format: formatCount,
  steps: countSteps,
}

const spans = [
  { value: '30', text: 'The last 30 days' },
  { value: '90', text: 'The last 90 days' },
  { value: '366', text: 'The last year' },
]

function Figures({ history: { days: all, contents, pins, pieces, filecoin } }: { history: StatsHistory }) {
  const [span, setSpan] = useState('90')
  const days = useMemo(() => all.slice(-Number(span)), [all, span])
  const today = all.at(-1)
  return (
    <>
      <dl className="figures">
        <Figure name="Stored" value={formatBytes(today?.storedBytes ?? 0)} />
        <Figure name="Contents, complete" value={formatCount(contents.complete)} />
        <Figure name="Contents, parts missing" value={formatCount(contents.incomplete)} />
        <Figure name="Accounts" value={formatCount(today?.users ?? 0)} />
      </dl>
      <div className="stats-span">
        <SelectField label="Show" value={span} onChange={(event) => setSpan(event.target.value)} choices={spans} />
      </div>
      <PlotSection plot={uploads} days={days} />
      <PlotSection plot={bytes} days={days} />
      <PlotSection plot={pinned} days={days}>
        <PinStates pins={pins} />
      </PlotSection>
      <PlotSection plot={built} days={days}>
        <PieceStates pieces={pieces} />
      </PlotSection>
      {filecoin && <FilecoinSection filecoin={filecoin} span={Number(span)} />}
      <PlotSection plot={users} days={days} />
      <DaysTable days={days} />
    </>
  )
}

function PlotSection({ plot, days, children }: { plot: Plot; days: Days; children?: ReactNode }) {
  const names = useMemo(() => days.map(({ day }) => day), [days])
  const series = useMemo(() => plot.seriesOf(days), [plot, days])
  return (
    <section className="stats-section" aria-labelledby={plot.id}>
      <h2 id={plot.id}>{plot.title}</h2>
      <Chart label={plot.label(days)} days={names} series={series} format={plot.format} steps={plot.steps} />
      {children}
    </section>
  )
}

function Figure({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}
