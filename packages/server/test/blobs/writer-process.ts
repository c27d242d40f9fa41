/**
 * Writes blobs until it is killed: `writer-process.ts <directory> <prefix of its keys>`. Says `<key>` on a line once one is committed.
 * With `hold` as third argument it stages one blob, says `holding`, and commits it when its standard input ends.
 */
import { writeSync } from 'node:fs'
import { openLocalBlobs } from '@keepsake/server/blobs/local.ts'
import { contentOf, sizeOfName } from './content-of.ts'

const [directory = '', prefix = '', mode] = process.argv.slice(2)
const store = await openLocalBlobs({ directory })
// Synchronous: a line is out before the next commit, so that no acknowledgement is lost with the process.
const say = (line: string) => writeSync(1, `${line}\n`)

async function write(key: string) {
  const bytes = contentOf(key, sizeOfName(key))
  await using blob = await store.stage()
  for (let at = 0; at < bytes.length; at += 10_000) await blob.write(bytes.subarray(at, at + 10_000))
  await blob.sync()
  await blob.commit(key)
  say(key)
}

async function writeForever(lane: number) {
  for (let i = 0; ; i++) await write(`${prefix}lane${lane}n${i}`)
}

if (mode === 'hold') {
  await using blob = await store.stage()
  await blob.write(Buffer.from('held'))
  await blob.sync()
  say('holding')
  for await (const _ of process.stdin);
  await blob.commit(`${prefix}held`)
  await store.close()
} else {
  await Promise.all(Array.from({ length: 8 }, (_, lane) => writeForever(lane)))
}
