import type { Address } from '@keepsake/filecoin/address.ts'
import { decodeAddress, encodeAddress, formatAddress } from '@keepsake/filecoin/address.ts'
import { ChainFormatError } from '@keepsake/filecoin/errors.ts'
import { decodeKeyExport, encodeKeyExport } from '@keepsake/filecoin/key-export.ts'
import { type KeyKind, newSecretKey, type Signer, signerOf } from '@keepsake/filecoin/signature.ts'
import type { Db } from '../../database/database.ts'
import { KeepsakeError } from '../../errors.ts'
import { seal, unseal } from './seal.ts'
import { clearDefault, findKey, insertKey, listKeys, markDefault, type WalletKeyRow } from './store.ts'

/** What is known of a key without opening it. */
export interface WalletKey {
  address: Address
  kind: KeyKind
  /** It signs new proposals. */
  isDefault: boolean
  createdAt: Date
}

/** The keys with which proposals are signed. At rest they are encrypted, each bound to its address; nothing of them is logged. */
export interface Wallet {
  /** The oldest first. */
  list(): Promise<WalletKey[]>
  create(kind: KeyKind): Promise<Address>
  /**
   * Takes a key as `lotus wallet export` writes it; one that is here already stays.
   *
   * @throws KeepsakeError `BAD_REQUEST`
   */
  importKey(text: string): Promise<Address>
  /** The key as `lotus wallet import` takes it. @throws KeepsakeError `NOT_FOUND`, `ERROR_UNAVAILABLE` */
  exportKey(address: Address): Promise<string>
  /** @throws KeepsakeError `NOT_FOUND` */
  makeDefault(address: Address): Promise<void>
  /** The key that signs new proposals; a secp256k1 key is made where there is none. @throws KeepsakeError `ERROR_UNAVAILABLE` */
  defaultSigner(): Promise<Signer>
}

interface Components {
  database: Db
  /** 32 bytes. */
  walletSecret: Uint8Array
}

function missing(address: Address): KeepsakeError {
  return new KeepsakeError('NOT_FOUND', `The wallet has no key of ${formatAddress(address)}.`)
}

export function openWallet({ database, walletSecret }: Components): Wallet {
  const open = ({ address, sealed }: WalletKeyRow) => unseal(walletSecret, sealed, address)

  /** The first key of a wallet is its default; whoever comes second at the same moment sees that. */
  async function add(kind: KeyKind, secretKey: Uint8Array): Promise<Address> {
    const { address } = signerOf(kind, secretKey)
    const bytes = encodeAddress(address)
    await insertKey(database, { address: bytes, kind, sealed: seal(walletSecret, secretKey, bytes) })
    return address
  }

  async function get(address: Address): Promise<WalletKeyRow> {
    const row = await findKey(database, encodeAddress(address))
    if (!row) throw missing(address)
    return row
  }

  return {
    async list() {
      const rows = await listKeys(database)
      return rows.map(({ address, kind, isDefault, createdAt }) => ({
        address: decodeAddress(address),
        kind,
        isDefault,
        createdAt,
      }))
    },
    create: async (kind) => await add(kind, newSecretKey(kind)),
    async importKey(text) {
      const { kind, secretKey } = readExport(text)
      return await add(kind, secretKey)
    },
    async exportKey(address) {
      const row = await get(address)
      return encodeKeyExport({ kind: row.kind, secretKey: open(row) })
    },
    async makeDefault(address) {
      await get(address)
      await database.kysely.transaction().execute(async (kysely) => {
        await clearDefault({ kysely })
        await markDefault({ kysely }, encodeAddress(address))
      })
    },
    async defaultSigner() {
      let row = await findKey(database)
      if (!row) {
        await add('secp256k1', newSecretKey('secp256k1'))
        row = await findKey(database)
      }
      if (!row)
        throw new KeepsakeError('ERROR_UNAVAILABLE', 'The wallet has no default key; `keepsake wallet default` names one.')
      return signerOf(row.kind, open(row))
    },
  }
}

function readExport(text: string): ReturnType<typeof decodeKeyExport> {
  try {
    return decodeKeyExport(text)
  } catch (error) {
    if (error instanceof ChainFormatError) throw new KeepsakeError('BAD_REQUEST', error.message)
    throw error
  }
}
