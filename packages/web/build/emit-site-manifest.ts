import type { Plugin } from 'vite'
import { catalog } from '../src/docs/catalog.ts'
import { paths, servedPaths } from '../src/site/paths.ts'

/** Writes `pages.json`, by which the server knows the addresses of pages without knowing the pages. */
export function emitSiteManifest(): Plugin {
  return {
    name: 'keepsake:site-manifest',
    generateBundle() {
      const documents = catalog.map(({ name }) => `${paths.docs}/${name}`)
      const source = `${JSON.stringify({ paths: [...servedPaths, ...documents] })}\n`
      this.emitFile({ type: 'asset', fileName: 'pages.json', source })
    },
  }
}
