// The package has types in its comments only.

declare module 'ucan-storage/service' {
  import type { KeyPair } from 'ucan-storage/keypair'

  interface Capability {
    with: string
    can: string
    [constraint: string]: unknown
  }

  interface Chain {
    issuer(): string
    audience(): string
  }

  export class Service {
    constructor(keypair: KeyPair)
    /** @param key the 32-byte private key in base64 */
    static fromPrivateKey(key: string): Promise<Service>
    did(): string
    /** A root token for `did`, valid for two weeks. */
    ucan(did: string): Promise<string>
    /** A new root token for `did`, given a valid request token that `did` signed itself and that may upload anything. */
    refresh(token: string, did: string): Promise<string>
    /** Of a valid request token: the first capability that is delegated without a gap, and the root token it comes from. */
    validateFromCaps(token: string): Promise<{ root: Chain; cap: Capability; issuer: string }>
  }
}

declare module 'ucan-storage/keypair' {
  export class KeyPair {
    static create(): Promise<KeyPair>
    did(): string
  }
}

declare module 'ucan-storage/ucan-storage' {
  import type { KeyPair } from 'ucan-storage/keypair'

  export function build(options: {
    issuer: KeyPair
    audience: string
    capabilities: { with: string; can: string; mh?: string }[]
    lifetimeInSeconds?: number
    expiration?: number
    notBefore?: number
    proofs?: string[]
  }): Promise<string>

  export function validate(token: string): Promise<{
    payload: {
      iss: string
      aud: string
      exp: number
      att: { with: string; can: string }[]
      prf: string[]
    }
  }>
}
