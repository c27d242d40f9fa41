import { base32 } from 'multiformats/bases/base32'
import { base36 } from 'multiformats/bases/base36'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import { UsageError } from './failure.ts'

const decoder = base32.decoder.or(base58btc.decoder).or(base36.decoder)

/** @throws UsageError */
export function parseCid(text: string): CID {
  try {
    return text.startsWith('Qm') ? CID.parse(text) : CID.parse(text, decoder)
  } catch (error) {
    throw new UsageError(`"${text}" is not a CID.`, { cause: error })
  }
}

export interface ContentPath {
  cid: CID
  /** Names below the root, as stored. */
  path: string[]
}

/** `CID`, `CID/path/in/it`, `/ipfs/CID/path` and `ipfs://CID/path`. @throws UsageError */
export function parseContentPath(text: string): ContentPath {
  const [root = '', ...path] = text
    .replace(/^ipfs:\/\/(ipfs\/)?/, '')
    .replace(/^\/ipfs\//, '')
    .split('/')
    .filter((segment, index) => index === 0 || segment !== '')
  if (path.some((segment) => segment === '.' || segment === '..'))
    throw new UsageError(`"${text}" is not a path: "." and ".." have no place in it.`)
  return { cid: parseCid(root), path }
}
