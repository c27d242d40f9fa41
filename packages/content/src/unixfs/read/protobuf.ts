import { ContentError } from '../../errors.ts'

function broken(what: string): ContentError {
  return new ContentError('INVALID_BLOCK', `A block does not decode: ${what}.`)
}

/** Reads the fields of one protobuf message from first to last; nothing is copied. Throws `INVALID_BLOCK`. */
export class FieldReader {
  readonly #bytes: Uint8Array
  #position: number
  #end: number
  /** Where the field that `span` or `skip` passed over last lies in the bytes. */
  spanStart = 0
  spanEnd = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#position = 0
    this.#end = bytes.length
  }

  get done(): boolean {
    return this.#position >= this.#end
  }

  /** Begins anew with another part of the same bytes: what reads thousands of small messages makes no object for each. */
  restart(start: number, end: number): void {
    this.#position = start
    this.#end = end
  }

  /** A number, as a double: past 2^53 it is no longer exact, which is for the caller to refuse. */
  varint(): number {
    let value = 0
    for (let scale = 1; scale <= 2 ** 63; scale *= 128) {
      if (this.#position >= this.#end) throw broken('it ends inside a number')
      const byte = this.#bytes[this.#position++]!
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
    throw broken('a number is too long')
  }

  /** Passes over a field with a length and leaves in `spanStart` and `spanEnd` where it is. */
  span(): void {
    const length = this.varint()
    this.spanStart = this.#position
    this.spanEnd = this.#position + length
    if (this.spanEnd > this.#end) throw broken('a field is longer than what is left')
    this.#position = this.spanEnd
  }

  /** A view of a field with a length. */
  bytes(): Uint8Array {
    this.span()
    return this.#bytes.subarray(this.spanStart, this.spanEnd)
  }

  /** Passes over the value of a field that is not known. */
  skip(key: number): void {
    const fixed = [undefined, 8, undefined, undefined, undefined, 4][key & 7]
    if ((key & 7) === 0) this.varint()
    else if ((key & 7) === 2) this.span()
    else if (fixed === undefined || this.#position + fixed > this.#end) throw broken('a field has a type that is not known')
    else this.#position += fixed
  }
}
