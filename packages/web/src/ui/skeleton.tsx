/** Grey lines in place of text that is on its way. */
export function Skeleton({ lines = 3 }: { lines?: number }) {
  return (
    <div className="skeleton" role="status">
      <span className="visually-hidden">Loading</span>
      {Array.from({ length: lines }, (_, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: they are all the same
        <span key={i} className="skeleton-line" aria-hidden="true" />
      ))}
    </div>
  )
}

/** A page that is on its way. */
export function PageSkeleton() {
  return (
    <div className="page">
      <Skeleton lines={5} />
    </div>
  )
}
