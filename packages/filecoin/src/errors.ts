/** What can be wrong with bytes of the chain, as a word a caller can branch on. */
export type ChainFormatErrorCode =
  /** Not CBOR, or not the CBOR that belongs in this place. */
  | 'INVALID_CBOR'
  /** A tuple has a number of fields that no known version of it has. */
  | 'UNKNOWN_LAYOUT'
  /** An address, in text or bytes, is none. */
  | 'INVALID_ADDRESS'
  /** A bit field is not RLE+. */
  | 'INVALID_BITFIELD'
  /** A HAMT or AMT breaks its own rules. */
  | 'INVALID_NODE'
  /** A node of a HAMT or AMT, or a state, is not where it was looked for. */
  | 'BLOCK_NOT_FOUND'
  /** A signature is of a kind that cannot be checked, or its bytes cannot be one. */
  | 'INVALID_SIGNATURE'
  /** A provider's Authorization header is not written as FIL-SPID-V0 wants it. */
  | 'INVALID_AUTHORIZATION'
  /** Bytes are no key, or a key is not written as Lotus exports it. */
  | 'INVALID_KEY'
  /** A number does not fit. */
  | 'OUT_OF_RANGE'

/** The one error of this package. */
export class ChainFormatError extends Error {
  override readonly name = 'ChainFormatError'
  readonly code: ChainFormatErrorCode

  constructor(code: ChainFormatErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
