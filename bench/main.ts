// npm run bench -- upload|directory|small|read|list|files|routing|commp|bitswap|aggregates|pieces|pins|proofs|devnet|eligible|deals|deal-pages: measures a server started for it, on loopback, with fsync on, and prints
// each result beside a physical limit or a peer measured in the same run. Not a test: nothing here fails for being slow.

import { benchAggregates } from './aggregates.ts'
import { benchBitswap } from './bitswap.ts'
import { benchCommP } from './commp.ts'
import { benchDealPages } from './deal-pages.ts'
import { benchDeals } from './deals.ts'
import { benchDevnet } from './devnet.ts'
import { benchDirectory } from './directory.ts'
import { benchEligible } from './eligible.ts'
import { benchFiles } from './files.ts'
import { benchLargeDag } from './large-dag.ts'
import { benchList } from './list.ts'
import { benchPieces } from './pieces.ts'
import { benchPins } from './pins.ts'
import { benchProofs } from './proofs.ts'
import { benchRead } from './read.ts'
import { benchRouting } from './routing.ts'
import { benchSmall } from './small.ts'
import { benchUpload } from './upload.ts'

const benches = {
  upload: benchUpload,
  directory: benchDirectory,
  small: benchSmall,
  read: benchRead,
  list: benchList,
  files: benchFiles,
  routing: benchRouting,
  commp: benchCommP,
  bitswap: benchBitswap,
  aggregates: benchAggregates,
  pieces: benchPieces,
  pins: benchPins,
  proofs: benchProofs,
  'large-dag': benchLargeDag,
  deals: benchDeals,
  devnet: benchDevnet,
  eligible: benchEligible,
  'deal-pages': benchDealPages,
}

const [name, ...args] = process.argv.slice(2)
const bench = benches[name as keyof typeof benches]
if (!bench) {
  process.stderr.write(
    `Usage: npm run bench -- ${Object.keys(benches).join('|')}\n  upload --huge also stores 8 GiB; list and routing --rows N fill N uploads, N roots (1000000);\n  aggregates --items N --gib N (100000, 4)\n`,
  )
  process.exitCode = 2
} else {
  await bench(args)
}
