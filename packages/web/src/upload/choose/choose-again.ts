import type { PackRequest, PathFile } from '../pack/pack-request.ts'
import { UploadProblem } from '../problem.ts'
import type { Remembered } from '../queue/remembered.ts'
import { choiceOfFolder, choicesOfFiles, folderChoice } from './choice.ts'

/** The same request again, of files that were chosen again. @throws UploadProblem when they can not be the same */
export function requestAgain(record: Remembered, files: readonly File[]): PackRequest {
  const bytes = files.reduce((sum, { size }) => sum + size, 0)
  if (record.token) return { kind: 'token', meta: record.token.meta, files: tokenPartsAgain(record.token, files) }
  const [first] = files
  if (!first) throw new UploadProblem('Nothing was chosen.')
  if (record.kind === 'file' || record.kind === 'car') {
    if (files.length > 1 || bytes !== record.totalBytes) throw new UploadProblem(otherFiles)
    return { kind: record.kind, file: first }
  }
  const choice = record.isFolder ? choiceOfFolder(files) : choicesOfFiles(files, true)[0]
  if (!choice) throw new UploadProblem(otherFiles)
  return choice.request
}

const otherFiles = 'That is something else than this upload began with. Choose the same again, or start a new upload with it.'

function tokenPartsAgain({ places }: NonNullable<Remembered['token']>, files: readonly File[]) {
  return places.map(({ place, fileName }) => {
    const file = files.find(({ name }) => name === fileName)
    if (!file) throw new UploadProblem(`${fileName} is missing: choose all files of the token at once.`)
    return { place, file }
  })
}

type Permitted = FileSystemHandle & { requestPermission?: (options: { mode: 'read' }) => Promise<PermissionState> }
type Listed = FileSystemDirectoryHandle & { entries: () => AsyncIterable<[string, FileSystemHandle]> }

/** The same request again, from what the browser remembers. To be called by a click: it may ask for permission. */
export async function reopen(record: Remembered): Promise<PackRequest> {
  const handle = record.handle as Permitted
  if (handle.requestPermission && (await handle.requestPermission({ mode: 'read' })) !== 'granted') {
    throw new UploadProblem('The browser was not allowed to read it. Choose it yourself.')
  }
  try {
    if (handle.kind === 'directory') {
      const files: PathFile[] = []
      for await (const file of filesIn(handle as unknown as Listed)) files.push(file)
      return folderChoice(record.name, files).request
    }
    return requestAgain(record, [await (handle as unknown as FileSystemFileHandle).getFile()])
  } catch (error) {
    if (error instanceof UploadProblem) throw error
    throw new UploadProblem('It is not where it was. Choose it again.')
  }
}

async function* filesIn(directory: Listed, prefix = ''): AsyncGenerator<PathFile> {
  for await (const [name, handle] of directory.entries()) {
    if (handle.kind === 'directory') yield* filesIn(handle as Listed, `${prefix}${name}/`)
    else yield { path: `${prefix}${name}`, file: await (handle as FileSystemFileHandle).getFile() }
  }
}
