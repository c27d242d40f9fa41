import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/usr/bin/google-chrome-stable']

/** Quiet: no request but those of the pages. */
const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** A browser of this machine, installed with Debian's package where that is possible; undefined where there is none and no way to one. */
export function findBrowser(): string | undefined {
  const found = () => process.env.CHROMIUM ?? places.find((path) => existsSync(path))
  return found() ?? (install() ? found() : undefined)
}

function canInstall(): boolean {
  return process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')
}

function install(): boolean {
  if (!canInstall()) return false
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  try {
    execFileSync('apt-get', ['install', '-y', '--no-install-recommends', 'chromium'], { env, stdio: 'pipe', timeout: 300_000 })
    return true
  } catch (error) {
    // On the machine that decides, what could have been tested is not left out.
    if (process.env.CI) throw error
    return false
  }
}

/** Whether tests with a browser can run. Says once, in one line, why not. */
export function hasBrowser(): boolean {
  if (findBrowser() !== undefined) return true
  process.stdout.write('skipped: tests with a browser need Chromium (apt-get install chromium, or CHROMIUM=/path/to/it)\n')
  return false
}

export async function openBrowser(): Promise<Browser> {
  const executablePath = findBrowser()
  if (executablePath === undefined) throw new Error('There is no Chromium on this machine.')
  return await chromium.launch({ executablePath, args: flags, headless: true })
}
