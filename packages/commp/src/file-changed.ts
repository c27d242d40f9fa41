/** Code of the error for a file that was written to while its piece was computed. */
export const FILE_CHANGED = 'ERR_FILE_CHANGED'

export function fileChanged(): NodeJS.ErrnoException {
  return Object.assign(new Error('The file changed while it was being read.'), { code: FILE_CHANGED })
}
