import type { StatsHistory } from '@keepsake/api/service.ts'
import { useCallback, useMemo, useState } from 'react'
import { call } from '../api/call.ts'
import { useResource } from '../api/use-resource.ts'
import { SelectField } from '../ui/field.tsx'
import { formatBytes, formatCount } from '../ui/format.ts'
import { FailureNotice } from '../ui/notice.tsx'
import { Page } from '../ui/page.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { byteSteps, Chart, countSteps, type Series } from './chart.tsx'
import { DaysTable } from './days-table.tsx'
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

function Figures({ history: { days: all, contents } }: { history: StatsHistory }) {
  const [span, setSpan] = useState('90')
  const days = useMemo(() => all.slice(-Number(span)), [all, span])
  const today = all.at(-1)
  const names = useMemo(() => days.map(({ day }) => day), [days])
  const uploads = useMemo<Series[]>(
    () =>
      uploadTypes.map(({ type, label, colour, dash }) => ({ label, colour, dash, values: days.map((day) => day.uploads[type]) })),
    [days],
  )
  const bytes = useMemo(
    () =>
      single(
        'Bytes stored',
        'verdigris',
        days.map(({ storedBytes }) => storedBytes),
      ),
    [days],
  )
  const users = useMemo(
    () =>
      single(
        'Accounts',
        'copper',
        days.map((day) => day.users),
      ),
    [days],
  )
  const uploaded = days.reduce((sum, day) => sum + uploadTypes.reduce((of, { type }) => of + day.uploads[type], 0), 0)
  return (
    <>
      <dl className="figures">
        <Figure name="Stored" value={formatBytes(today?.storedBytes ?? 0)} />
        <Figure name="Contents, complete" value={formatCount(contents.complete)} />
        <Figure name="Contents, parts missing" value={formatCount(contents.incomplete)} />
        <Figure name="Accounts" value={formatCount(today?.users ?? 0)} />
      </dl>
      <div className="stats-span">
        <SelectField
          label="Show"
          value={span}
          onChange={(event) => setSpan(event.target.value)}
          choices={[
            { value: '30', text: 'The last 30 days' },
            { value: '90', text: 'The last 90 days' },
            { value: '366', text: 'The last year' },
          ]}
        />
      </div>
      <section className="stats-section" aria-labelledby="uploads">
        <h2 id="uploads">Uploads a day, by type</h2>
        <Chart
          label={`Uploads a day by type, ${formatCount(uploaded)} in all`}
          days={names}
          series={uploads}
          format={formatCount}
          steps={countSteps}
        />
      </section>
      <section className="stats-section" aria-labelledby="bytes">
        <h2 id="bytes">Bytes stored</h2>
        <Chart
          label={`Bytes stored, ${formatBytes(today?.storedBytes ?? 0)} today`}
          days={names}
          series={bytes}
          format={formatBytes}
          steps={byteSteps}
        />
      </section>
      <section className="stats-section" aria-labelledby="accounts">
        <h2 id="accounts">Accounts</h2>
        <Chart
          label={`Accounts, ${formatCount(today?.users ?? 0)} today`}
          days={names}
          series={users}
          format={formatCount}
          steps={countSteps}
        />
      </section>
      <DaysTable days={days} />
    </>
  )
}

function single(label: string, colour: Series['colour'], values: number[]): Series[] {
  return [{ label, colour, values }]
}

function Figure({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}
