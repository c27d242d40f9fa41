import type { Config } from '../config.ts'

type SiteConfig = Pick<Config, 'PUBLIC_URL' | 'GATEWAY_HOST'>

/** Where content is shown from: the origins of the gateway, at any port, since a proxy may stand in front. */
function contentSources({ PUBLIC_URL, GATEWAY_HOST }: SiteConfig): string[] {
  const { protocol } = new URL(PUBLIC_URL)
  // Browsers resolve names below `localhost` themselves, so that is where content goes on one's own machine.
  const hosts = [...(GATEWAY_HOST ? [[protocol, GATEWAY_HOST]] : []), ['http:', 'localhost']]
  return hosts.flatMap(([scheme, host]) => [
    ...(host === 'localhost' ? [] : [`${scheme}//${host}:*`]),
    `${scheme}//*.ipfs.${host}:*`,
  ])
}

/**
 * What the pages of the website may do (Content Security Policy Level 3). Images and media come from the gateway too; scripts, styles and
 * calls from nowhere else; nobody may put the pages into a frame.
 */
export function sitePolicy(config: SiteConfig): string {
  const content = contentSources(config).join(' ')
  return Object.entries({
    'default-src': "'none'",
    'script-src': "'self'",
    'style-src': "'self'",
    'font-src': "'self'",
    'connect-src': "'self'",
    'img-src': `'self' blob: data: ${content}`,
    'media-src': `'self' blob: ${content}`,
    'worker-src': "'self'",
    'manifest-src': "'self'",
    'form-action': "'self'",
    'frame-ancestors': "'none'",
    'base-uri': "'none'",
  })
    .map(([directive, sources]) => `${directive} ${sources}`)
    .join('; ')
}

/** The worker that asks a Filecoin node for the page of a file, by the name the build gives it. */
const askingWorker = /^\/assets\/ask-chain-worker-[\w-]+\.js$/

/**
 * What a file of the website may do by itself. Only a worker has a policy of its own, which counts instead of that of the page that starts it (HTML, "run a
 * worker"): the one that asks a Filecoin node the visitor names reaches any over HTTPS and those of the visitor's own machine, and can do nothing else. So
 * the pages themselves never have to be let out.
 */
export function filePolicy(path: string): string | undefined {
  if (!askingWorker.test(path)) return undefined
  return "default-src 'none'; script-src 'self'; connect-src https: http://localhost:* http://127.0.0.1:*"
}
