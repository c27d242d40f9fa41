import { startNode } from '../src/node.ts'

/** Runs a node in the folder of its argument until it is killed. Tells where it is in one line. */
const [directory, epochMs] = process.argv.slice(2)
const node = await startNode({ directory: directory!, epochMs: Number(epochMs) })
process.stdout.write(`${JSON.stringify({ rpcUrl: node.rpcUrl, network: node.network, genesis: node.genesis.toString() })}\n`)
