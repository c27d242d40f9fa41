import { join } from 'node:path'
import { defineConfig } from 'vite'
import { compressOutput } from './build/compress.ts'
import { emitSiteManifest } from './build/emit-site-manifest.ts'
import { markdown } from './build/markdown.ts'

const server = process.env.KEEPSAKE_URL ?? 'http://localhost:8787'

export default defineConfig({
  root: import.meta.dirname,
  plugins: [markdown(), emitSiteManifest(), compressOutput()],
  build: {
    outDir: join(import.meta.dirname, 'dist'),
    emptyOutDir: true,
    target: 'es2022',
    // Inlined assets would need `data:` in the policy for fonts and scripts.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    // Who starts the server on a slow machine is not helped by how long each plugin took.
    rolldownOptions: { checks: { pluginTimings: false } },
  },
  worker: { format: 'es' },
  // `npx vite packages/web` shows changes at once, with a server that runs beside it.
  server: { proxy: { '/api': server, '/account': server, '/ipfs': server } },
})
