import { readFile } from 'node:fs/promises'
import type { FastifyInstance } from 'fastify'
import { shellQuote } from './commands.ts'

const scriptFile = new URL('./keepsake-sp.sh', import.meta.url)
const placeholder = '__KEEPSAKE_URL__'

/** The script for providers, which knows where it came from. */
export function portalScriptRoutes({ publicUrl }: { publicUrl(): string }) {
  return async (app: FastifyInstance): Promise<void> => {
    const text = await readFile(scriptFile, 'utf8')
    app.get('/keepsake-sp.sh', async (_request, reply) => {
      reply.type('application/x-sh;charset=UTF-8').header('cache-control', 'no-cache').header('x-content-type-options', 'nosniff')
      return text.replace(placeholder, () => shellQuote(publicUrl()))
    })
  }
}
