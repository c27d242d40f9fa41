import { hkdfSync, randomBytes } from 'node:crypto'
import { link, mkdir, open, readFile, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'

const fileName = 'key-secret'

/**
 * The secret that signs API keys: the configured one, else the one of the data directory, made on first use.
 * Losing it makes every key this server issued invalid, so it is fsynced before it is used.
 */
export async function loadKeySecret(configured: string | undefined, dataDir: string): Promise<Uint8Array> {
  if (configured !== undefined) return new TextEncoder().encode(configured)
  const path = join(dataDir, fileName)
  await mkdir(dirname(path), { recursive: true })
  try {
    return parseSecret(await readFile(path, 'utf8'), path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  const file = await open(draft, 'wx', 0o600)
  try {
    await file.writeFile(`${randomBytes(32).toString('base64url')}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  // link() fails where another process was first: then its secret counts, not ours.
  await link(draft, path).catch((error) => {
    if (error.code !== 'EEXIST') throw error
  })
  await unlink(draft)
  const directory = await open(dirname(path), 'r')
  await directory.sync().finally(() => directory.close())
  return parseSecret(await readFile(path, 'utf8'), path)
}

function parseSecret(text: string, path: string): Uint8Array {
  const secret = text.trim()
  if (secret.length < 32) throw new Error(`${path} holds no usable secret: expected at least 32 characters.`)
  return new TextEncoder().encode(secret)
}

/** A 32-byte secret for another purpose, derived so that knowing it tells nothing about the key secret. RFC 5869. */
export function deriveSecret(keySecret: Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', keySecret, new Uint8Array(0), `keepsake ${purpose}`, 32))
}
