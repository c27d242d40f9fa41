import { createContext, type ReactNode, useContext, useState } from 'react'
import type { Uploads } from './uploads.ts'

/** The uploads of each account that was signed in at this page. */
type Kept = Map<number, Uploads>

const KeptContext = createContext<Kept | undefined>(undefined)

/** Keeps uploads above the pages, so that they go on while pages change. What uploads are is loaded when a page needs it. */
export function UploadsProvider({ children }: { children: ReactNode }) {
  const [kept] = useState<Kept>(() => new Map())
  return <KeptContext value={kept}>{children}</KeptContext>
}

export function useKeptUploads(): Kept {
  const kept = useContext(KeptContext)
  if (!kept) throw new Error('There is no UploadsProvider above.')
  return kept
}
