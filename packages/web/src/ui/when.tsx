import { formatAge, formatInstant } from './format.ts'

/** An instant as its distance from now; pointing at it tells the exact time. */
export function When({ instant }: { instant: string }) {
  return (
    <time dateTime={instant} title={formatInstant(instant)}>
      {formatAge(instant)}
    </time>
  )
}
