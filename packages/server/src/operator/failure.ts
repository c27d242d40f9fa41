/** What an operator can understand from `message` alone, beside `KeepsakeError` and `ConfigError`. */
export class OperatorError extends Error {
  override readonly name: string = 'OperatorError'
}

/** The command was not called as it can be called. */
export class UsageError extends OperatorError {
  override readonly name = 'UsageError'
}
