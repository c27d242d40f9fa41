/** A request that does not fit the specification; `message` is for who sent it. */
export class RoutingError extends Error {
  override readonly name = 'RoutingError'
  readonly status: 406 | 422

  constructor(status: 406 | 422, message: string) {
    super(message)
    this.status = status
  }
}
