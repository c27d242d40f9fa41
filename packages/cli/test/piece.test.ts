import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createReadStream, existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { keepsake } from './setup/processes.ts'

let cwd: string

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'keepsake-piece-'))
})

afterAll(() => rm(cwd, { recursive: true, force: true }))

/** 127 bytes each of 0, 1, 2 and 3: the example of FRC-0069. */
const example = Buffer.concat([0, 1, 2, 3].map((byte) => Buffer.alloc(127, byte)))
const exampleCids = {
  pieceCid: 'baga6ea4seaqes3nobte6ezpp4wqan2age2s5yxcatzotcvobhgcmv5wi2xh5mbi',
  pieceCidV2: 'bafkzcibcaaces3nobte6ezpp4wqan2age2s5yxcatzotcvobhgcmv5wi2xh5mbi',
}

const piece = (args: string[]) => keepsake(['piece', ...args], { cwd })

test('prints both piece CIDs and both sizes of a file', async () => {
  await writeFile(join(cwd, 'example'), example)
  const { code, stdout, stderr } = await piece(['example'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toBe(
    `Piece CID     ${exampleCids.pieceCid}\nPiece CID v2  ${exampleCids.pieceCidV2}\n` +
      'Payload       508 bytes (508 B)\nPadded        512 bytes (512 B)\n',
  )
})

test.skipIf(!existsSync('/proc/version'))('is made of a file that has no size until it is read', async () => {
  const { stdout } = await piece(['/proc/version', '--json'])
  const { payloadBytes } = JSON.parse(stdout) as { payloadBytes: number }
  expect(payloadBytes).toBe(readFileSync('/proc/version').length)
})

test('prints the same as JSON', async () => {
  const { stdout } = await piece(['example', '--json'])
  expect(JSON.parse(stdout)).toEqual({ ...exampleCids, payloadBytes: 508, paddedBytes: 512 })
})

test('pads up to the size that is asked for', async () => {
  const { stdout } = await piece(['example', '--pad-to', '1KiB', '--json'])
  expect(JSON.parse(stdout)).toEqual({
    pieceCid: 'baga6ea4seaqn42av3szurbbscwuu3zjssvfwbpsvbjf6y3tukvlgl2nf5rha6pa',
    pieceCidV2: expect.stringMatching(/^bafkzcib/),
    payloadBytes: 508,
    paddedBytes: 1024,
  })
})

test('reads standard input of any size, and says the same of the file', async () => {
  const path = join(cwd, 'large')
  await writeFile(path, randomBytes(9_000_001))
  const ofFile = await piece(['large', '--json'])
  const ofInput = await keepsake(['piece', '-', '--json'], {
    cwd,
    input: false,
    during: (child) => void createReadStream(path).pipe(child.stdin!),
  })
  expect(ofInput.stdout).toBe(ofFile.stdout)
  expect(JSON.parse(ofFile.stdout)).toMatchObject({ payloadBytes: 9_000_001, paddedBytes: 2 ** 24 })
})

test('computes the piece of fewer than 65 bytes, and says that no deal can be made for it', async () => {
  await writeFile(join(cwd, 'tiny'), Buffer.alloc(64))
  await writeFile(join(cwd, 'least'), Buffer.alloc(65))
  const tiny = await piece(['tiny', '--json'])
  expect(tiny.code).toBe(0)
  expect(JSON.parse(tiny.stdout)).toMatchObject({ payloadBytes: 64, paddedBytes: 128 })
  expect(tiny.stderr).toContain('No deal can be made for fewer than 65 bytes')
  expect((await piece(['least'])).stderr).toBe('')
})

test('is the piece of zeros for an empty file', async () => {
  await writeFile(join(cwd, 'empty'), '')
  const { stdout } = await piece(['empty', '--json'])
  expect(JSON.parse(stdout)).toMatchObject({ pieceCidV2: 'bafkzcibcp4bdomn3tgwgrh3g532zopskstnbrd2n3sxfqbze7rxt7vqn7veigmy' })
})

test.each([
  [['nowhere'], 1, 'nowhere: there is no such file or directory.'],
  [['.'], 1, '. is a directory; a piece is made of the bytes of one file.'],
  [['example', '--pad-to', '256'], 1, '508 B take a piece of 512 B; 256 B are too small.'],
  [['example', '--pad-to', '33GiB'], 2, 'Expected a power of two from 128 on'],
  [['example', '--pad-to', '-1'], 2, 'Expected a power of two from 128 on'],
  [[], 2, 'missing required argument'],
])('says what is wrong with %j', async (args, expected, message) => {
  const { code, stdout, stderr } = await piece(args)
  expect({ code, stdout }).toEqual({ code: expected, stdout: '' })
  expect(stderr).toContain(message)
  expect(stderr).not.toMatch(/\n\s+at /)
})

test('ends soon when it is interrupted', async () => {
  const { code, stdout } = await keepsake(['piece', '-'], {
    cwd,
    input: false,
    during: (child) => {
      child.stdin!.write(Buffer.alloc(1000))
      setTimeout(() => child.kill('SIGINT'), 1000)
    },
  })
  expect({ code, stdout }).toEqual({ code: 130, stdout: '' })
})

test('reads a named pipe, and lets go of one that nobody writes to when it is interrupted', async () => {
  execFileSync('mkfifo', [join(cwd, 'pipe')])
  const waiting = await keepsake(['piece', 'pipe'], { cwd, during: (child) => setTimeout(() => child.kill('SIGINT'), 2000) })
  expect(waiting).toEqual({ code: 130, stdout: '', stderr: '' })
  const reading = piece(['pipe', '--json'])
  await writeFile(join(cwd, 'pipe'), example)
  expect(JSON.parse((await reading).stdout)).toEqual({ ...exampleCids, payloadBytes: 508, paddedBytes: 512 })
})

/** Runs a line of a shell in which `$KEEPSAKE` is the command. */
function shell(line: string) {
  const bin = join(import.meta.dirname, '../bin/keepsake.mjs')
  const { status, stdout, stderr } = spawnSync('sh', ['-c', line], {
    cwd,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, HOME: cwd, KEEPSAKE: `${process.execPath} ${bin}` },
  })
  return { code: status, stdout, stderr }
}

test('is not made of a directory that is standard input', () => {
  const { code, stdout, stderr } = shell('$KEEPSAKE piece - < .')
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toContain('Standard input is a directory')
})

test.skipIf(!existsSync('/dev/full'))('says that the disk is full behind standard output', () => {
  expect(shell('$KEEPSAKE piece example > /dev/full')).toEqual({
    code: 1,
    stdout: '',
    stderr: 'keepsake: standard output: the disk is full.\n',
  })
})
