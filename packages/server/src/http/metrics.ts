/** A number, and what it is about. */
export interface Sample {
  labels?: Readonly<Record<string, string>>
  value: number
}

/** Numbers of one kind, as Prometheus knows them. */
export interface Metric {
  name: string
  help: string
  /** `counter` only ever grows. */
  type: 'gauge' | 'counter'
  samples: readonly Sample[]
}

/** What one part has to tell in numbers, as they are now. */
export type Collector = () => Promise<readonly Metric[]>

/** The text format of Prometheus 0.0.4. */
export function renderMetrics(metrics: readonly Metric[]): string {
  return metrics.map(renderMetric).join('')
}

function renderMetric({ name, help, type, samples }: Metric): string {
  const lines = samples.map(({ labels, value }) => `${name}${renderLabels(labels)} ${value}\n`)
  return `# HELP ${name} ${help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

function renderLabels(labels: Sample['labels'] = {}): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`)
  return pairs.length > 0 ? `{${pairs.join(',')}}` : ''
}

function escapeLabel(value: string): string {
  return value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')
}
