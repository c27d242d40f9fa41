import { assertBlobKey, type StagedBlob } from './blobs.ts'
import type { StagedFile } from './staged-file.ts'

/** A `StagedBlob` over a scratch file; `publish` gives the synced file its name in the store at hand, durably. */
export function stagedBlob(file: StagedFile, publish: (file: StagedFile, key: string) => Promise<void>): StagedBlob {
  let committing: { key: string; done: Promise<void> } | undefined
  let committed = false

  async function commit(key: string) {
    await file.sync()
    await publish(file, key)
    committed = true
  }

  const discard = async () => {
    // A commit under way is let to end: afterwards there is nothing of it in scratch, or it failed and is removed here.
    await committing?.done.catch(() => {})
    if (!committed) await file.discard()
  }

  return {
    path: file.path,
    adopt: () => file.adopt(),
    get sizeBytes() {
      return file.sizeBytes
    },
    async write(...chunks) {
      if (committing) throw new Error(`This blob is already committed as ${committing.key}: nothing can be added.`)
      await file.write(...chunks)
    },
    sync: () => file.sync(),
    async commit(key) {
      assertBlobKey(key)
      if (committing && committing.key !== key) throw new Error(`This blob is already committed as ${committing.key}.`)
      if (!committing) {
        const attempt = { key, done: commit(key) }
        committing = attempt
        // A failed commit may be tried again.
        attempt.done.catch(() => {
          committing = undefined
        })
      }
      await committing.done
    },
    discard,
    [Symbol.asyncDispose]: discard,
  }
}
