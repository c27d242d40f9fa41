#!/usr/bin/env node
// The `keepsake` command: hands over to the TypeScript below under the Node.js this project pins, whichever was started.
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { handOver, prepare } from '../../../scripts/run.mjs'

prepare()
handOver(join(dirname(fileURLToPath(import.meta.url)), '../src/main.ts'), process.argv.slice(2))
