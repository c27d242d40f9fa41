#!/usr/bin/env node
// Runs a TypeScript entry, or with --bin a tool of node_modules/.bin, under the Node.js this project pins.
// It is plain JavaScript without dependencies, because it must work in a fresh clone on any Node.js >= 20:
// it installs what the lock file names when that is missing or older, then hands over.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, realpathSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const wantedMajor = 24

/** npm writes node_modules/.package-lock.json last, so its time tells whether an install finished after the lock file changed. */
function installIsCurrent() {
  const installed = join(root, 'node_modules/.package-lock.json')
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(join(root, 'package-lock.json')).mtimeMs
}

function install() {
  process.stderr.write('Installing what package-lock.json names (once) ...\n')
  const npm = process.env.npm_execpath
  // Not `npm ci`: it refuses a lock file that lacks packages for other platforms, which a registry may not have. What the file names is kept to.
  const args = ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error']
  const result = npm
    ? spawnSync(process.execPath, [npm, ...args], { cwd: root, stdio: ['ignore', 2, 2] })
    : spawnSync('npm', args, { cwd: root, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' })
  if (result.status !== 0) {
    process.stderr.write('npm install failed; its messages are above.\n')
    process.exit(result.status ?? 1)
  }
}

/** The Node.js binary that comes as a package for this platform, or the running one where there is none and it is new enough. */
export function pinnedNode() {
  const require = createRequire(join(root, 'package.json'))
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
  try {
    const folder = dirname(require.resolve(`${name}/package.json`))
    return join(folder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  } catch {
    if (Number(process.versions.node.split('.')[0]) >= wantedMajor) return process.execPath
    process.stderr.write(
      `Keepsake needs Node.js ${wantedMajor}; no package brings it for ${name}. Install Node.js ${wantedMajor} and try again.\n`,
    )
    return process.exit(1)
  }
}

export function prepare() {
  if (!installIsCurrent()) install()
}

const web = join(root, 'packages/web')
/** The entries that serve it, or test what is served. */
const needsWebsite = new Set(['packages/server/src/main.ts', 'scripts/test.ts', 'scripts/screenshots.ts'])
/** Whatever a change of which changes the website. */
const webSources = [
  'packages/web/src',
  'packages/web/build',
  'packages/web/public',
  'packages/web/index.html',
  'packages/web/vite.config.ts',
  'packages/api/src',
  'packages/client/src',
  'packages/content/src',
  'docs',
  'package-lock.json',
].map((path) => join(root, path))

/** The latest change at or below a path, in milliseconds; a folder changes when something in it comes or goes. */
function changedAt(path) {
  const stats = statSync(path)
  if (!stats.isDirectory()) return stats.mtimeMs
  return Math.max(stats.mtimeMs, ...readdirSync(path).map((name) => changedAt(join(path, name))))
}

/** Builds the website where that was not done since its sources changed. The time of `dist` is when the build of it began. */
function buildWebsite({ mayBeOld }) {
  const dist = join(web, 'dist')
  const latest = Math.max(...webSources.filter(existsSync).map(changedAt))
  if (existsSync(join(dist, 'index.html')) && statSync(dist).mtimeMs >= latest) return
  const began = new Date()
  // Beside it and then put in its place: a server that starts meanwhile finds a whole website, the old or the new one.
  const fresh = join(web, `dist.${process.pid}`)
  const old = join(web, `dist.${process.pid}.old`)
  const vite = join(root, 'node_modules/vite/bin/vite.js')
  const result = spawnSync(pinnedNode(), [vite, 'build', web, '--outDir', fresh, '--logLevel', 'warn'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  })
  if (result.status !== 0) {
    rmSync(fresh, { recursive: true, force: true })
    process.stderr.write('The website could not be built; the messages are above.\n')
    // Whoever works on its sources need not be without a server meanwhile.
    if (mayBeOld && existsSync(join(dist, 'index.html'))) return
    process.exit(result.status ?? 1)
  }
  utimesSync(fresh, began, began)
  try {
    if (existsSync(dist)) renameSync(dist, old)
    renameSync(fresh, dist)
  } catch {
    // Another start was quicker and put its own there, of the same sources.
  }
  for (const left of [fresh, old]) rmSync(left, { recursive: true, force: true })
}

/** Settings that must be there before a process begins. Whoever sets one of them is not overruled. */
const tuning = {
  // File system, zlib and WebCrypto work (the hashing of uploads) share one thread pool; the default of 4 starves it.
  UV_THREADPOOL_SIZE: '16',
  // glibc otherwise returns the memory of every buffer to the system, only to ask for it again (mallopt(3)).
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: '67108864',
  MALLOC_TRIM_THRESHOLD_: '268435456',
}

/** Runs `file` under the pinned Node.js, passes signals on, and ends as it ends. */
export function handOver(file, args) {
  const node = pinnedNode()
  const env = { ...tuning, ...process.env, PATH: `${dirname(node)}:${process.env.PATH ?? ''}` }
  // Without the second flag V8 collects garbage for every 32 MiB of buffers that pass through; an upload of 1 GiB took twice the processor time.
  // It is V8's own, so only the version that was tried gets it.
  const flags = [
    '--disable-warning=ExperimentalWarning',
    ...(node === process.execPath ? [] : ['--external-memory-accounted-in-global-limit']),
  ]
  const child = spawn(node, [...flags, file, ...args], { stdio: 'inherit', env })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => process.exit(signal ? 128 + (constants.signals[signal] ?? 0) : (code ?? 1)))
}

if (process.argv[1] && import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  const [first, ...rest] = process.argv.slice(2)
  prepare()
  if (needsWebsite.has(first)) buildWebsite({ mayBeOld: first === 'packages/server/src/main.ts' })
  if (first === '--bin') handOver(realpathSync(join(root, 'node_modules/.bin', rest[0])), rest.slice(1))
  else handOver(join(root, first), rest)
}
