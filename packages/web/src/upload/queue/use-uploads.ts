import { useEffect, useSyncExternalStore } from 'react'
import { useMe } from '../../session/session.tsx'
import type { Upload } from './upload.ts'
import { createUploads, type Uploads } from './uploads.ts'
import { useKeptUploads } from './uploads-provider.tsx'

/** The uploads of whoever is signed in, made when they are first asked for. */
export function useUploads(): Uploads {
  const { id } = useMe()
  const kept = useKeptUploads()
  let uploads = kept.get(id)
  if (!uploads) {
    for (const other of kept.values()) other.close()
    kept.clear()
    uploads = createUploads(id)
    kept.set(id, uploads)
  }
  return uploads
}

/** The same as a list that is kept up to date, newest first. */
export function useUploadList(): readonly Upload[] {
  const uploads = useUploads()
  return useSyncExternalStore(uploads.subscribe, uploads.snapshot)
}

/** Asks before the tab is closed while something is on its way. */
export function useLeaveWarning(isBusy: boolean): void {
  useEffect(() => {
    if (!isBusy) return
    const warn = (event: BeforeUnloadEvent) => event.preventDefault()
    addEventListener('beforeunload', warn)
    return () => removeEventListener('beforeunload', warn)
  }, [isBusy])
}
