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

/** The browser of this machine. */
function findBrowser(): string | undefined {
  return process.env.CHROMIUM ?? places.find((path) => existsSync(path))
}

function canInstall(): boolean {
  return process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')
}

/** Debian's package, where we may install it. */
function install(): boolean {
  if (!canInstall()) return false
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const aptGet = (...args: string[]) => execFileSync('apt-get', args, { env, stdio: 'pipe', timeout: 300_000 })
  try {
    // A fresh image knows no packages before this.
    aptGet('update')
    aptGet('install', '-y', '--no-install-recommends', 'chromium')
    return true
  } catch (error) {
    // On the machine that decides, what could have been tested is not left out.
    if (process.env.CI) throw error
    return false
  }
}

/** Before all tests: gets a browser where that is possible, else says in one line what is left out. */
export function prepareBrowser(): void {
  if (hasBrowser() || install()) return
  process.stdout.write('skipped: tests with a browser need Chromium (apt-get install chromium, or CHROMIUM=/path/to/it)\n')
}

/** Whether tests with a browser can run. */
export function hasBrowser(): boolean {
  return findBrowser() !== undefined
}

export async function openBrowser(): Promise<Browser> {
  const executablePath = findBrowser()
  if (executablePath === undefined) throw new Error('There is no Chromium on this machine.')
  return await chromium.launch({ executablePath, args: flags, headless: true })
}
