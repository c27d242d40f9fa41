/** One setting of the environment: how its text is read and what it is when absent. `docs/configuration.md` is made from this. */
export interface Setting<T> {
  readonly section: string
  readonly description: string
  /** Completes "expected …". */
  readonly expects: string
  readonly initial: T
  /** How the default is written in the documentation, where its value does not say it. */
  readonly initialText?: string
  readonly secret?: boolean
  parse(text: string): T
}

export type Described<T> = Omit<Setting<T>, 'parse' | 'expects'>

export function integer(min: number, max: number, s: Described<number>): Setting<number> {
  const parse = (text: string) => {
    const n = Number(text)
    if (!Number.isSafeInteger(n) || n < min || n > max || !/^\d+$/.test(text)) throw new Error('')
    return n
  }
  return { ...s, expects: `a whole number from ${min} to ${max}`, parse }
}

/** A whole number that another setting stands in for when it is left out. */
export function optionalInteger(min: number, max: number, s: Described<number | undefined>): Setting<number | undefined> {
  return integer(min, max, s as Described<number>) as Setting<number | undefined>
}

export function choice<const T extends string>(options: readonly T[], s: Described<T>): Setting<T> {
  const parse = (text: string) => {
    if (!(options as readonly string[]).includes(text)) throw new Error('')
    return text as T
  }
  return { ...s, expects: `one of ${options.join(', ')}`, parse }
}

export function text<T extends string | undefined>(expects: string, s: Described<T>): Setting<T> {
  return { ...s, expects, parse: (t) => t as T }
}

/** Several values, separated by commas or spaces. */
export function list(expected: string, s: Described<readonly string[]>): Setting<readonly string[]> {
  return { ...s, expects: `${expected}, separated by commas`, parse: (t) => t.split(/[\s,]+/).filter(Boolean) }
}

export function url(protocols: readonly string[], s: Described<string | undefined>): Setting<string | undefined> {
  const parse = (t: string) => {
    if (!protocols.includes(new URL(t).protocol)) throw new Error('')
    return t
  }
  return { ...s, expects: `an address that begins with ${protocols.map((p) => `${p}//`).join(' or ')}`, parse }
}

/** Several of `options`, separated by commas, each once, in order. */
export function choices<const T extends string>(options: readonly T[], s: Described<readonly T[]>): Setting<readonly T[]> {
  const parse = (text: string) => {
    const names = text.split(',').map((name) => name.trim()) as T[]
    if (new Set(names).size < names.length) throw new Error('one is named twice')
    if (names.some((name) => !options.includes(name))) throw new Error('')
    return Object.freeze(names)
  }
  return { ...s, expects: `a list of ${options.join(', ')}, separated by commas`, parse }
}

/** Addresses separated by commas. */
export function urls(s: Described<readonly string[]>): Setting<readonly string[]> {
  const parse = (text: string) => {
    const addresses = text.split(',').map((address) => address.trim())
    for (const address of addresses) {
      const { protocol, username, password } = new URL(address)
      if (protocol !== 'http:' && protocol !== 'https:') throw new Error('')
      if (username || password) throw new Error('credentials have settings of their own')
    }
    return Object.freeze(addresses)
  }
  return { ...s, expects: 'addresses that begin with http:// or https://, separated by commas', parse }
}

/** `off`, a word of the product's own, or the addresses of nodes. */
export function nodes<const W extends string>(
  words: readonly W[],
  s: Described<W | readonly string[]>,
): Setting<W | readonly string[]> {
  const addresses = urls({ ...s, initial: [] })
  const parse = (text: string) => ((words as readonly string[]).includes(text) ? (text as W) : addresses.parse(text))
  return { ...s, expects: `${words.join(', ')}, or ${addresses.expects}`, parse }
}
