import type { Plugin } from 'vite'
import { servedPaths } from '../src/site/paths.ts'

/** Writes `pages.json`, by which the server knows the addresses of pages without knowing the pages. */
export function emitSiteManifest(): Plugin {
  return {
    name: 'keepsake:site-manifest',
    generateBundle() {
      this.emitFile({ type: 'asset', fileName: 'pages.json', source: `${JSON.stringify({ paths: servedPaths })}\n` })
    },
  }
}
