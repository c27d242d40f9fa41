import { ContentError } from '../../errors.ts'

function broken(what: string): ContentError {
  return new ContentError('INVALID_BLOCK', `A block does not decode: ${what}.`)
}

/** Reads the fields of one protobuf message from first to last; nothing is copied. Throws `INVALID_BLOCK`. */
export class FieldReader {
  readonly #bytes: Uint8Array
  #position = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get done(): boolean {
    return this.#position >= this.#bytes.length
  }

  /** A number, as a double: past 2^53 it is no longer exact, which is for the caller to refuse. */
  varint(): number {
    let value = 0
    for (let scale = 1; scale <= 2 ** 63; scale *= 128) {
      const byte = this.#bytes[this.#position++]
      if (byte === undefined) throw broken('it ends inside a number')
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
    throw broken('a number is too long')
  }

  /** A view of a field with a length. */
  bytes(): Uint8Array {
    const length = this.varint()
    const end = length + this.#position
    if (end > this.#bytes.length) throw broken('a field is longer than what is left')
    const field = this.#bytes.subarray(this.#position, end)
    this.#position = end
    return field
  }

  /** Passes over the value of a field that is not known. */
  skip(key: number): void {
    const fixed = [undefined, 8, undefined, undefined, undefined, 4][key & 7]
    if ((key & 7) === 0) this.varint()
    else if ((key & 7) === 2) this.bytes()
    else if (fixed === undefined || this.#position + fixed > this.#bytes.length)
      throw broken('a field has a type that is not known')
    else this.#position += fixed
  }
}
