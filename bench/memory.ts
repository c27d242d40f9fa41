import { readFile } from 'node:fs/promises'

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024
}

/** Watches the resident memory of a process until `stop`, which tells how far it rose above where it was. Linux only; elsewhere 0. */
export async function watchMemory(pid: number): Promise<{ stop(): { idleBytes: number; peakBytes: number } }> {
  const idleBytes = await residentBytes(pid)
  let peakBytes = idleBytes
  const timer = setInterval(async () => {
    peakBytes = Math.max(peakBytes, await residentBytes(pid))
  }, 50)
  return {
    stop() {
      clearInterval(timer)
      return { idleBytes, peakBytes }
    },
  }
}
