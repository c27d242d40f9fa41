import { open, rename, stat } from 'node:fs/promises'

interface DownloadOptions {
  /** Where the file can be had; each is tried in turn. */
  sources: readonly string[]
  /** How long it is. */
  sizeBytes: number
  /** Where it goes. While it is on its way it is `${path}.part`. */
  path: string
  signal: AbortSignal
  /** A connection that brings nothing for so long is given up. */
  idleTimeoutMs?: number
}

const defaultIdleTimeoutMs = 30_000

/**
 * Downloads a file, and goes on where an earlier attempt ended, also one before a restart. What it contains is for the caller to check.
 *
 * @throws Error with the reason of each source, where none brought it to its end; what came is kept
 */
export async function download(options: DownloadOptions): Promise<void> {
  const { sources, path } = options
  const part = `${path}.part`
  const reasons: string[] = []
  for (const source of sources) {
    try {
      await fetchRest(source, part, options)
      await rename(part, path)
      return
    } catch (error) {
      options.signal.throwIfAborted()
      reasons.push(`${new URL(source).host}: ${(error as Error).message}`)
    }
  }
  throw new Error(`The piece could not be downloaded (${reasons.join('; ') || 'nobody was named who has it'}).`)
}

/** What of a file is not there yet. */
async function fetchRest(source: string, part: string, { sizeBytes, signal, idleTimeoutMs }: DownloadOptions): Promise<void> {
  const haveBytes = await sizeOf(part)
  if (haveBytes === sizeBytes) return
  const idle = idleTimer(idleTimeoutMs ?? defaultIdleTimeoutMs)
  const from = haveBytes < sizeBytes ? haveBytes : 0
  try {
    const response = await fetch(source, {
      headers: from > 0 ? { range: `bytes=${from}-` } : {},
      signal: AbortSignal.any([signal, idle.signal]),
    })
    if (!response.ok || !response.body) throw new Error(`status ${response.status}`)
    // Whoever does not know ranges sends all of it again.
    const at = response.status === 206 ? startOf(response, from) : 0
    await append(part, at, idle.watch(response.body), sizeBytes)
  } finally {
    idle.stop()
  }
}

async function sizeOf(path: string): Promise<number> {
  return await stat(path).then(
    ({ size }) => size,
    () => 0,
  )
}

function startOf(response: Response, wanted: number): number {
  const [, from] = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '') ?? []
  if (Number(from) !== wanted) throw new Error(`sent another range than the one from byte ${wanted}`)
  return wanted
}

/** Writes what comes, from `at` on, and has it on the disk before it ends. */
async function append(path: string, at: number, body: AsyncIterable<Uint8Array>, sizeBytes: number): Promise<void> {
  await using file = await open(path, at > 0 ? 'r+' : 'w')
  let written = at
  for await (const chunk of body) {
    if (written + chunk.length > sizeBytes) throw new Error(`sent more than the ${sizeBytes} bytes of the piece`)
    await file.write(chunk, 0, chunk.length, written)
    written += chunk.length
  }
  if (written < sizeBytes) throw new Error(`ended after ${written} of ${sizeBytes} bytes`)
  await file.sync()
}

function idleTimer(timeoutMs: number) {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(new Error(`nothing came for ${timeoutMs / 1000} seconds`)), timeoutMs)
  return {
    signal: controller.signal,
    async *watch(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const chunk of body) {
        timer.refresh()
        yield chunk
      }
    },
    stop: () => clearTimeout(timer),
  }
}
