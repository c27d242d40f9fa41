/** An aggregate is not, or cannot be, what it should be. `message` is for the operator. */
export class BadAggregateError extends Error {
  override readonly name = 'BadAggregateError'
}
