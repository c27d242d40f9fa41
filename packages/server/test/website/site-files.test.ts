import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { filePolicy, sitePolicy } from '@keepsake/server/website/policy.ts'
import { readSiteFiles, type SiteFile, variantFor } from '@keepsake/server/website/site-files.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

describe('the files of the website', () => {
  let folder: string
  const script = Buffer.from('console.log("a script that is long enough to be made shorter shorter shorter shorter")')
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'keepsake-site-'))
    await mkdir(join(folder, 'assets'))
    await writeFile(join(folder, 'index.html'), '<!doctype html><title>here</title>')
    await writeFile(join(folder, 'pages.json'), '{"paths":["/","/docs/:page"]}')
    await writeFile(join(folder, 'assets/main-abc.js'), script)
    await writeFile(join(folder, 'assets/main-abc.js.br'), brotliCompressSync(script))
    await writeFile(join(folder, 'assets/main-abc.js.gz'), gzipSync(script))
    await writeFile(join(folder, 'mark.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>')
  })
  afterAll(async () => await rm(folder, { recursive: true, force: true }))

  const file = async (path: string) => (await readSiteFiles(folder, (html) => html))?.files.get(path) as SiteFile

  it('are read with their types, and only what is named by its content may be kept for long', async () => {
    const site = await readSiteFiles(folder, (html) => html.replace('here', 'filled in'))
    expect([...(site?.files.keys() ?? [])].toSorted()).toEqual(['/assets/main-abc.js', '/mark.svg'])
    expect(site?.pages).toEqual(['/', '/docs/:page'])
    expect(site?.document.variants.get('identity')?.toString()).toContain('filled in')
    expect(await file('/assets/main-abc.js')).toMatchObject({ type: 'text/javascript; charset=utf-8', isImmutable: true })
    expect(await file('/mark.svg')).toMatchObject({ type: 'image/svg+xml', isImmutable: false })
  })

  it('are sent in the smallest form that the browser says it can read', async () => {
    const main = await file('/assets/main-abc.js')
    const codingFor = (accept: string | undefined) => variantFor(main, accept)[0]
    expect(codingFor('gzip, deflate, br, zstd')).toBe('br')
    expect(codingFor('gzip;q=1.0, br;q=0')).toBe('gzip')
    expect(codingFor('identity')).toBe('identity')
    expect(codingFor(undefined)).toBe('identity')
    expect(variantFor(await file('/mark.svg'), 'br')[0]).toBe('identity')
  })

  it('are not there before they are built', async () => {
    expect(await readSiteFiles(join(folder, 'nothing'), (html) => html)).toBeUndefined()
    expect(await readSiteFiles(join(folder, 'assets'), (html) => html)).toBeUndefined()
  })
})

describe('the policy of the website', () => {
  it('lets images come from the origins of the gateway, and scripts from nowhere else', () => {
    const policy = sitePolicy({ PUBLIC_URL: 'https://keepsake.example.org', GATEWAY_HOST: 'gateway.example.net' })
    const directives = new Map(policy.split('; ').map((one) => [one.split(' ')[0], one.split(' ').slice(1)]))
    expect(directives.get('img-src')).toEqual(
      expect.arrayContaining(["'self'", 'https://gateway.example.net:*', 'https://*.ipfs.gateway.example.net:*']),
    )
    expect(directives.get('script-src')).toEqual(["'self'"])
    expect(directives.get('connect-src')).toEqual(["'self'"])
    expect(directives.get('default-src')).toEqual(["'none'"])
    expect(policy).not.toContain('unsafe')
  })

  it('lets only the worker that asks Filecoin nodes reach other hosts, and do nothing else', () => {
    const policy = filePolicy('/assets/ask-chain-worker-Dx_5-c.js')
    expect(policy).toBe("default-src 'none'; script-src 'self'; connect-src https: http://localhost:* http://127.0.0.1:*")
    for (const path of ['/', '/assets/main-abc.js', '/assets/pack-worker-abc.js', '/assets/x/ask-chain-worker-abc.js'])
      expect(filePolicy(path)).toBeUndefined()
  })
})
