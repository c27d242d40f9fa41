import { readFile } from 'node:fs/promises'
import { writeWhole } from './write-whole.ts'

/** What whoever runs the devnet made of a provider, to see what Keepsake does then. */
export interface Mood {
  /** It answers nobody, asks nobody and proves nothing. */
  isOffline: boolean
  /** What it serves is not what it stores. Its proofs are right. */
  sendsWrongBytes: boolean
  /** It declares its sectors faulty and proves none. */
  isFaulty: boolean
}

const usual: Mood = { isOffline: false, sendsWrongBytes: false, isFaulty: false }

export interface KeptMood {
  now(): Mood
  change(to: Partial<Mood>): Promise<void>
}

/** It is kept in a file, so that it outlives restarts. */
export async function openMood(path: string): Promise<KeptMood> {
  const kept = await readFile(path, 'utf8').catch(() => '{}')
  let mood: Mood = { ...usual, ...(JSON.parse(kept) as Partial<Mood>) }
  return {
    now: () => mood,
    async change(to) {
      mood = { ...mood, ...to }
      await writeWhole(path, JSON.stringify(mood))
    },
  }
}
