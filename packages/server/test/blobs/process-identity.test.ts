import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { formatIdentity, livenessOf, ownIdentity, parseIdentity } from '@keepsake/server/blobs/process-identity.ts'
import { expect, it } from 'vitest'

const own = ownIdentity()
const onLinux = process.platform === 'linux'

it('is read back from the name it is written as', () => {
  expect(parseIdentity(formatIdentity(own))).toEqual(own)
  expect(parseIdentity(`${formatIdentity(own)}-a1b2c3`)).toEqual(own)
  expect(parseIdentity('something else')).toBeUndefined()
})

it('tells a living process from a dead one', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
  await once(child, 'spawn')
  const started = onLinux ? (/\) (?:\S+ ){19}(\S+)/.exec(readFileSync(`/proc/${child.pid}/stat`, 'latin1'))?.[1] ?? '') : ''
  const other = { scope: own.scope, pid: child.pid!, started }
  expect(livenessOf(other, own)).toBe(onLinux ? 'alive' : 'unknown')
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
  expect(livenessOf(other, own)).toBe('dead')
})

it.runIf(onLinux)('takes a process that has the number of a dead one for what it is', () => {
  expect(livenessOf(own, own)).toBe('alive')
  expect(livenessOf({ ...own, started: '1' }, own)).toBe('dead')
})

it('does not judge processes of another machine or container', () => {
  expect(livenessOf({ ...own, scope: 'elsewhere' }, own)).toBe('unknown')
})
