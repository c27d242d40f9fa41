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
