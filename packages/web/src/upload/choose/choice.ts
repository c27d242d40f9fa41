import type { PackRequest, PathFile } from '../pack/pack-request.ts'

/** Something that was chosen to become one upload. */
export interface Choice {
  name: string
  request: PackRequest
  /** A folder of the disk, not files that were put together here. */
  isFolder?: boolean
  handle?: FileSystemHandle
}

/** Names of files that only file managers put there; nobody means to publish them. */
const litter = new Set(['.DS_Store', 'Thumbs.db', 'desktop.ini'])

export function choiceOfFile(file: File, handle?: FileSystemHandle): Choice {
  const kind = /\.car$/i.test(file.name) ? 'car' : 'file'
  return { name: file.name, request: { kind, file }, ...(handle && { handle }) }
}

/** Files chosen with one form element: each by itself, or all in one directory. */
export function choicesOfFiles(files: readonly File[], isTogether: boolean): Choice[] {
  if (!isTogether || files.length < 2) return files.map((file) => choiceOfFile(file))
  const named = files.map((file) => ({ path: file.name, file }))
  return [{ name: `${files.length} files`, request: { kind: 'directory', files: sorted(named) } }]
}

/** A folder chosen with `webkitdirectory`: paths begin with its own name, which becomes the name of the upload. */
export function choiceOfFolder(files: readonly File[]): Choice | undefined {
  const [first] = files
  if (!first) return undefined
  const name = first.webkitRelativePath.split('/')[0] || 'Folder'
  const inside = files.map((file) => ({ path: file.webkitRelativePath.slice(name.length + 1) || file.name, file }))
  return folderChoice(name, inside)
}

/** A folder whose files are known by their paths inside it. */
export function folderChoice(name: string, files: readonly PathFile[], handle?: FileSystemHandle): Choice {
  const wanted = files.filter(({ file }) => !litter.has(file.name))
  return { name, request: { kind: 'directory', files: sorted(wanted) }, isFolder: true, ...(handle && { handle }) }
}

/** In one order, whatever the browser read them in: parts are cut the same way again. */
function sorted(files: readonly PathFile[]): PathFile[] {
  return files.toSorted((a, b) => (a.path < b.path ? -1 : 1))
}
