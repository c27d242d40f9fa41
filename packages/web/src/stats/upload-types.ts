import type { StatsHistory } from '@keepsake/api/service.ts'
import type { Series } from './chart.tsx'

interface UploadType {
  type: keyof StatsHistory['days'][number]['uploads']
  label: string
  colour: Series['colour']
  dash: number[]
}

/** What came, as the API names it, and how its line looks. `Remote` is what was pinned from elsewhere. */
export const uploadTypes: readonly UploadType[] = [
  { type: 'Blob', label: 'Files', colour: 'verdigris', dash: [] },
  { type: 'Multipart', label: 'Folders', colour: 'copper', dash: [10, 4] },
  { type: 'Nft', label: 'NFTs', colour: 'ink', dash: [2, 3] },
  { type: 'Car', label: 'CARs', colour: 'inkSoft', dash: [14, 4, 2, 4] },
  { type: 'Remote', label: 'Pins from elsewhere', colour: 'verdigris', dash: [4, 4] },
]
