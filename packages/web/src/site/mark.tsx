/** The mark: a locket, opened. */
export function Mark() {
  return (
    <svg className="mark" viewBox="4 2 24 28" aria-hidden="true">
      <path className="mark-closed" d="M15 3v20a10 10 0 0 1 0-20z" />
      <path
        className="mark-open"
        d="M17 9v20a10 10 0 0 0 0-20zm3.6 7.4a2.6 2.6 0 1 1 0 5.2 2.6 2.6 0 0 1 0-5.2z"
        fillRule="evenodd"
      />
    </svg>
  )
}
