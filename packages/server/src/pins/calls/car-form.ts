import { randomBytes } from 'node:crypto'

/** A CAR as the one file of a form, which is how IPFS Cluster and Kubo take it; made as it is sent. */
export function carForm(car: AsyncIterable<Uint8Array>): { headers: Record<string, string>; body: AsyncIterable<Uint8Array> } {
  const boundary = `keepsake-${randomBytes(16).toString('hex')}`
  const head = `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="dag.car"\r\ncontent-type: application/vnd.ipld.car\r\n\r\n`
  return {
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    body: (async function* () {
      yield Buffer.from(head)
      yield* car
      yield Buffer.from(`\r\n--${boundary}--\r\n`)
    })(),
  }
}
