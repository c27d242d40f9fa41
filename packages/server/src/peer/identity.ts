import { randomBytes } from 'node:crypto'
import { chmod, link, mkdir, open, readFile, stat, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { KeepsakeError } from '../errors.ts'

/**
 * The key that a peer is known by, made on first use and kept in a file only its owner can read. It is written as Kubo writes
 * `Identity.PrivKey`: base64 of the key's protobuf.
 *
 * @throws KeepsakeError for a file that holds no key: a new one would be another peer, which nobody looks for
 */
export async function loadIdentity(path: string): Promise<PrivateKey> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const known = await readKey(path)
  if (known) return known
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  const file = await open(draft, 'wx', 0o600)
  try {
    const key = await generateKeyPair('Ed25519')
    await file.writeFile(`${Buffer.from(privateKeyToProtobuf(key)).toString('base64')}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  // Fails where another process was first: then its key counts.
  await link(draft, path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
  await unlink(draft)
  const directory = await open(dirname(path), 'r')
  await directory.sync().finally(() => directory.close())
  return (await readKey(path)) as PrivateKey
}

async function readKey(path: string): Promise<PrivateKey | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new KeepsakeError('ERROR_UNAVAILABLE', `The key of the peer cannot be read: ${(error as Error).message}`, {
      cause: error,
    })
  }
  try {
    const key = privateKeyFromProtobuf(Buffer.from(text.trim(), 'base64'))
    if (((await stat(path)).mode & 0o077) !== 0) await chmod(path, 0o600)
    return key
  } catch (error) {
    throw new KeepsakeError(
      'ERROR_UNAVAILABLE',
      `${path} holds no key of a peer. Restore it from a backup, or remove it: the peer then gets another id, and what was announced under the old one is not found until it is announced again.`,
      { cause: error },
    )
  }
}
