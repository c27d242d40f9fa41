import { defineConfig } from 'vitest/config'

const shared = { testTimeout: 30_000, hookTimeout: 120_000, pool: 'forks' as const }

export default defineConfig({
  test: {
    // Two cores and a real PostgreSQL: more workers than this only make each other wait.
    maxWorkers: 2,
    projects: [
      // Pure: no process, no port, no database.
      { test: { ...shared, name: 'fast', include: ['packages/{api,content,commp,filecoin}/test/**/*.test.ts'] } },
      // Parts of the product against a real PostgreSQL and real files.
      {
        test: {
          ...shared,
          name: 'parts',
          include: ['packages/{server,client,cli}/test/**/*.test.ts'],
          globalSetup: ['packages/server/test/setup/postgres.ts'],
        },
      },
      // A Filecoin network on this machine: processes and ports, but no database.
      { test: { ...shared, name: 'devnet', include: ['packages/devnet/test/**/*.test.ts'] } },
      // The whole product from outside, as its users meet it; and what must never happen to them.
      {
        test: {
          ...shared,
          name: 'acceptance',
          include: ['test/**/*.test.ts'],
          exclude: ['test/website/**'],
          globalSetup: ['test/setup/shared.ts'],
          testTimeout: 120_000,
        },
      },
      // The website in a real browser, which shares the cores with the server: what is waited for comes, but not within vitest's one second.
      {
        test: {
          ...shared,
          name: 'website',
          include: ['test/website/**/*.test.ts'],
          globalSetup: ['test/setup/shared.ts'],
          testTimeout: 120_000,
          expect: { poll: { timeout: 20_000 } },
        },
      },
    ],
  },
})
