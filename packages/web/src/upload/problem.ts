/** Why an upload cannot go on until somebody does something about it, in a sentence to show. */
export class UploadProblem extends Error {
  override readonly name = 'UploadProblem'
}
