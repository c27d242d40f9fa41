import type { PathFile } from '../pack/pack-request.ts'
import { type Choice, choiceOfFile, choicesOfFiles, folderChoice } from './choice.ts'

/** What one item of a drop is. Must be asked for while the event is handled; afterwards the browser has forgotten it. */
interface Taken {
  entry: FileSystemEntry | null
  file: File | null
  handle: Promise<FileSystemHandle | null> | undefined
}

type HandleItem = DataTransferItem & { getAsFileSystemHandle?: () => Promise<FileSystemHandle | null> }

/** The files and folders that were dropped: folders by themselves, files by themselves or all in one directory. */
export async function choicesOfDrop(transfer: DataTransfer, isTogether: boolean): Promise<Choice[]> {
  const taken = [...transfer.items]
    .filter(({ kind }) => kind === 'file')
    .map(
      (item: HandleItem): Taken => ({
        entry: item.webkitGetAsEntry(),
        file: item.getAsFile(),
        handle: item.getAsFileSystemHandle?.().catch(() => null),
      }),
    )
  const folders: Choice[] = []
  const files: Choice[] = []
  for (const { entry, file, handle } of taken) {
    const known = (await handle) ?? undefined
    if (entry?.isDirectory) folders.push(folderChoice(entry.name, await filesUnder(entry as FileSystemDirectoryEntry), known))
    else if (file) files.push(choiceOfFile(file, known))
  }
  if (!isTogether || files.length < 2) return [...folders, ...files]
  const together = files.flatMap(({ request }) => ('file' in request ? [request.file] : []))
  return [...folders, ...choicesOfFiles(together, true)]
}

async function filesUnder(directory: FileSystemDirectoryEntry, prefix = ''): Promise<PathFile[]> {
  const found: PathFile[] = []
  for (const entry of await entriesOf(directory)) {
    const path = `${prefix}${entry.name}`
    if (entry.isDirectory) found.push(...(await filesUnder(entry as FileSystemDirectoryEntry, `${path}/`)))
    else
      found.push({
        path,
        file: await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject)),
      })
  }
  return found
}

/** A reader gives a hundred at a time, then none. */
async function entriesOf(directory: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = directory.createReader()
  const all: FileSystemEntry[] = []
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject))
    if (some.length === 0) return all
    all.push(...some)
  }
}
