import { stat } from 'node:fs/promises'
import { addAbortSignal } from 'node:stream'
import { checkOnChain, isNodeUrl } from '@keepsake/client/check-on-chain.ts'
import type { Connection } from '@keepsake/client/connection.ts'
import { normalEndpoint } from '@keepsake/client/connection.ts'
import { fetchProof, openProofBlocks, textWithin } from '@keepsake/client/proofs.ts'
import { fastestPairs } from '@keepsake/commp/native-pairs.ts'
import { ContentError, isContentError } from '@keepsake/content/errors.ts'
import { MAX_DOCUMENT_BYTES, type ProofDocument } from '@keepsake/content/proof/document.ts'
import { parseProof } from '@keepsake/content/proof/parse.ts'
import type { ProofReport, StatementOutcome } from '@keepsake/content/proof/report.ts'
import { verifyProof } from '@keepsake/content/proof/verify.ts'
import { plain } from '@keepsake/terminal/text.ts'
import type { Command } from 'commander'
import { CID } from 'multiformats/cid'
import { parseCid } from '../cid-argument.ts'
import { withConnection } from '../connect.ts'
import type { Context } from '../context.ts'
import { print, printJson } from '../context.ts'
import { CommandError, describeFileError, IncompleteError, messageOf, UsageError } from '../failure.ts'
import { readStream } from '../files/read-stream.ts'
import type { ServerOptions } from '../settings.ts'

interface Options extends ServerOptions {
  gateway?: string
  filecoinRpc?: string[]
  json?: boolean
}

const marks: Record<StatementOutcome, string> = { checked: '✓', failed: '✗', left: '!', beyond: '–' }

/** What was named: a content whose proof is to be fetched, or a document. */
type Subject = { cid: CID } | { path: string }

function subjectOf(text: string): Subject {
  if (text === '-' || text.includes('.') || text.includes('/')) return { path: text }
  try {
    return { cid: parseCid(text) }
  } catch (error) {
    if (error instanceof UsageError) return { path: text }
    throw error
  }
}

async function readDocument(path: string, signal: AbortSignal): Promise<string> {
  if (path === '-' && process.stdin.isTTY)
    throw new UsageError('Standard input is a terminal. Pipe a proof in: keepsake verify - < proof.json')
  try {
    const source =
      path === '-' ? addAbortSignal(signal, process.stdin) : readStream(path, { isPipe: (await stat(path)).isFIFO(), signal })
    return await textWithin(source, MAX_DOCUMENT_BYTES)
  } catch (error) {
    throw describeFileError(error, path)
  }
}

function gatewayOf({ gateway }: Options): Connection | undefined {
  if (gateway === undefined) return undefined
  // A gateway that knows nothing is told apart from one that is slow; five attempts for every block would take minutes.
  return { endpoint: normalEndpoint(gateway), maxAttempts: 2 }
}

async function checkProof(document: ProofDocument, gateway: Connection, { signal, progress }: Context): Promise<ProofReport> {
  progress.begin('Reading', document.dag.bytes)
  await using blocks = openProofBlocks(gateway, CID.parse(document.root), {
    signal,
    onProgress: (bytes) => progress.update(bytes),
  })
  try {
    return await verifyProof(document, { read: (cid) => blocks.read(cid), hashPairs: fastestPairs().hashPairs, signal })
  } finally {
    progress.end()
  }
}

/** Fetches or reads the proof, and gets blocks from the gateway, else from where the proof came from. */
async function obtainReport(subject: Subject, options: Options, context: Context): Promise<ProofReport> {
  if (!(options.filecoinRpc ?? []).every(isNodeUrl))
    throw new UsageError('--filecoin-rpc: expected an address that begins with http:// or https://')
  const { document, report } = await obtainProof(subject, options, context)
  if (options.filecoinRpc === undefined) return report
  return await checkOnChain(document, report, { urls: options.filecoinRpc, signal: context.signal })
}

interface CheckedProof {
  document: ProofDocument
  report: ProofReport
}

async function obtainProof(subject: Subject, options: Options, context: Context): Promise<CheckedProof> {
  const gateway = gatewayOf(options)
  if ('path' in subject) {
    const document = await parseProof(await readDocument(subject.path, context.signal))
    if (gateway) return { document, report: await checkProof(document, gateway, context) }
    return await withConnection(context, options, { key: false }, async (connection) => ({
      document,
      report: await checkProof(document, connection, context),
    }))
  }
  return await withConnection(context, options, { key: false }, async (connection) => {
    const document = await parseProof(await fetchProof(connection, subject.cid, context))
    if (document.root !== subject.cid.toV1().toString()) {
      throw new ContentError('INVALID_PROOF', `The server sent the proof of another content: ${document.root}.`)
    }
    return { document, report: await checkProof(document, gateway ?? connection, context) }
  })
}

/** A forged document has failed; what could not be had has not been checked. */
function asOutcome(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted || error instanceof UsageError) return error
  if (isContentError(error, 'INVALID_PROOF') || isContentError(error, 'LIMIT_EXCEEDED')) return error
  return new IncompleteError(messageOf(error), { cause: error })
}

function render({ root, outcome, statements }: ProofReport): string {
  const lines = statements.map(({ outcome: found, text }) => `  ${marks[found]} ${plain(text)}`)
  return [`${root}: ${outcome}`, '', ...lines].join('\n')
}

async function verify(context: Context, text: string, options: Options): Promise<void> {
  let report: ProofReport
  try {
    report = await obtainReport(subjectOf(text), options, context)
  } catch (error) {
    throw asOutcome(error, context.signal)
  }
  if (options.json) await printJson(report)
  else await print(render(report))
  if (report.outcome === 'failed') throw new CommandError('What the proof claims is not true (✗).')
  if (report.outcome === 'incomplete') throw new IncompleteError('Not all that the proof claims could be checked (!).')
}

export function addVerify(program: Command, context: Context): void {
  program
    .command('verify')
    .description('check, without trusting anybody, that a content lies in a piece for Filecoin (needs no key)')
    .argument('<cid|proof.json|->', 'a CID whose proof the server is asked for, a proof, or - for one on standard input')
    .option('--gateway <url>', 'trustless gateway to read the content from (default: the server)')
    .option(
      '--filecoin-rpc <url>',
      'Filecoin node to ask whether the deals the proof names are there and proving; may be given several times',
      (url: string, others: string[] | undefined) => [...(others ?? []), url],
    )
    .option('--endpoint <url>', 'server to use (default: KEEPSAKE_ENDPOINT, what you logged in to, this machine)')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Reads the content block by block and recomputes what the proof says of it. Nothing is believed: neither the server that made the proof nor the
gateway that delivers the bytes. With --filecoin-rpc, any node of the network that the proof names (Lotus JSON-RPC, no key) is asked for the deals
and their sectors: every block of the chain's state is checked against its hash, from the header of the head down. Which block is the head, one
node alone could make up; so name several that do not belong together, and see whether they agree. Says in words what was checked (✓), what is false (✗), what could not be checked (!) and what no such proof can
show (–).

Exit codes: 0 verified, 1 something is false, 2 not all could be checked.

Examples:
  $ keepsake verify bafy...
  $ keepsake verify bafy... --gateway https://ipfs.io
  $ keepsake verify bafy... --filecoin-rpc https://node.example.org/rpc/v1
  $ curl -s http://localhost:8787/api/proof/bafy... | keepsake verify - --json`,
    )
    .action((text: string, options: Options) => verify(context, text, options))
}
