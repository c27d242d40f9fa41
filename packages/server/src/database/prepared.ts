import { Client } from 'pg'

/** A statement is prepared when its text has come this often on a connection; before, that costs more than it saves. */
const prepareAfter = 3
/** Most statements a connection keeps prepared; each takes some memory in the server. */
const maxPrepared = 200
/** Texts counted before counting begins anew: they can be many where lists are written out in them. */
const maxCounted = 2000

/**
 * A connection that prepares the statements it is given often, so that PostgreSQL parses and plans them once. Only what comes as a text with
 * values, as Kysely sends it; other forms of `query` are passed on as they are.
 */
export class PreparingClient extends Client {
  readonly #counts = new Map<string, number>()
  readonly #names = new Map<string, string>()

  // The overloads of `pg` are kept by passing on whatever came.
  override query(...args: unknown[]): never {
    const [text, values] = args
    if (typeof text === 'string' && Array.isArray(values) && values.length > 0) {
      const name = this.#nameOf(text)
      if (name !== undefined) return super.query({ name, text, values }, ...(args.slice(2) as [])) as never
    }
    return super.query(...(args as [string])) as never
  }

  #nameOf(text: string): string | undefined {
    const known = this.#names.get(text)
    if (known !== undefined || this.#names.size >= maxPrepared) return known
    const count = (this.#counts.get(text) ?? 0) + 1
    if (this.#counts.size >= maxCounted) this.#counts.clear()
    this.#counts.set(text, count)
    if (count < prepareAfter) return undefined
    const name = `keepsake_${this.#names.size}`
    this.#counts.delete(text)
    this.#names.set(text, name)
    return name
  }
}
