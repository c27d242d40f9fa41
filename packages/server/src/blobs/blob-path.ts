import { join } from 'node:path'

export const blobSuffix = '.car'

/**
 * Where a blob is, in a directory of blobs. The folder is named by the two characters before the last of the key: those are spread evenly in every base,
 * unlike the first ones, and a directory stays small enough to list.
 */
export function folderOfBlob(directory: string, key: string): string {
  return join(directory, key.slice(-3, -1).padStart(2, '_'))
}

export function pathOfBlob(directory: string, key: string): string {
  return join(folderOfBlob(directory, key), key + blobSuffix)
}
