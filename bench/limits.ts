import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Bytes a second one core hashes with sha2-256, as OpenSSL measures it (blocks of 16 KiB). */
export async function sha256Speed(): Promise<number> {
  const { stdout } = await run('openssl', ['speed', '-seconds', '2', 'sha256'])
  const [, last] = /^sha256(?:\s+[\d.]+k)*\s+([\d.]+)k\s*$/m.exec(stdout) ?? []
  if (!last) throw new Error(`openssl speed printed no sha256 line:\n${stdout}`)
  return Number(last) * 1000
}

/** Bytes a second that reach the disk of `folder`: `dd conv=fsync` of `bytes`. */
export async function diskSpeed(source: string, folder: string, bytes: number): Promise<number> {
  const target = join(folder, 'dd')
  const startedAt = performance.now()
  await run('dd', [`if=${source}`, `of=${target}`, 'bs=1M', 'conv=fsync'])
  const seconds = (performance.now() - startedAt) / 1000
  await rm(target)
  return bytes / seconds
}
