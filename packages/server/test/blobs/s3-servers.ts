import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdir, rename, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { scratchDirectory } from './scratch-directory.ts'

const run = promisify(execFile)

export const credentials = { accessKeyId: 'keepsake', secretAccessKey: 'keepsake-secret' }
export const bucket = 'blobs'

export interface S3Server {
  /** `http://127.0.0.1:<port>`, path style, with an empty bucket. */
  endpoint: string
  port: number
  stop(): Promise<void>
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

async function waitForAnswer(server: ChildProcess, endpoint: string) {
  for (let i = 0; i < 200; i++) {
    if (server.exitCode !== null) throw new Error(`The S3 server ended with ${server.exitCode}.`)
    const answered = await fetch(endpoint).then(
      () => true,
      () => false,
    )
    if (answered) return
    await sleep(50)
  }
  throw new Error(`No S3 server answers at ${endpoint}.`)
}

async function start(
  command: (port: number, directory: string) => { file: string; args: string[]; env?: Record<string, string> },
) {
  const directory = await scratchDirectory()
  for (const folder of ['data', join('data', bucket), 'metadata']) await mkdir(join(directory.path, folder))
  const port = await freePort()
  const { file, args, env } = command(port, join(directory.path, 'data'))
  const server = spawn(file, args, { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, ...env } })
  const endpoint = `http://127.0.0.1:${port}`
  const stop = async () => {
    if (server.exitCode === null && server.signalCode === null) {
      const exited = once(server, 'exit')
      server.kill('SIGKILL')
      await exited
    }
    await directory[Symbol.asyncDispose]()
  }
  try {
    await waitForAnswer(server, endpoint)
  } catch (error) {
    await stop()
    throw error
  }
  return { endpoint, port, stop }
}

const versitygwVersion = 'v1.8.0'

/** Builds Versity's S3 gateway once per checkout; undefined, after a line that says why, where that cannot be done. */
export async function buildVersitygw(): Promise<string | undefined> {
  const folder = fileURLToPath(new URL(`../../../../node_modules/.cache/keepsake/versitygw-${versitygwVersion}`, import.meta.url))
  const program = join(folder, 'versitygw')
  const built = await access(program).then(
    () => true,
    () => false,
  )
  if (built) return program
  try {
    const source = `github.com/versity/versitygw/cmd/versitygw@${versitygwVersion}`
    // Test files run at the same time and may both build: the name appears once the program is whole.
    const own = join(folder, String(process.pid))
    await run('go', ['install', source], { env: { ...process.env, GOBIN: own } })
    await rename(join(own, 'versitygw'), program)
    await rm(own, { recursive: true })
    return program
  } catch (error) {
    // Where there is Go it could have been built; only a machine without it may do without this test.
    if (process.env.CI && (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    console.warn(`skipped: blobs on S3 (no S3 server could be built: ${(error as Error).message.split('\n')[0]})`)
    return undefined
  }
}

/** A gateway in production use; strict about signatures, checksums and multipart uploads. */
export function startVersitygw(program: string): Promise<S3Server> {
  return start((port, directory) => ({
    file: program,
    args: [
      '--port',
      `127.0.0.1:${port}`,
      '--quiet',
      '--keep-alive',
      'posix',
      '--sidecar',
      join(directory, '../metadata'),
      directory,
    ],
    env: { ROOT_ACCESS_KEY: credentials.accessKeyId, ROOT_SECRET_KEY: credentials.secretAccessKey },
  }))
}
