import { join } from 'node:path'
import { openBlobs } from '@keepsake/server/blobs/open.ts'
import { blobStoreContract } from './contract.ts'
import { bucket, buildVersitygw, credentials, startVersitygw } from './s3-servers.ts'
import { scratchDirectory } from './scratch-directory.ts'

const versitygw = await buildVersitygw()
if (versitygw) {
  blobStoreContract('a bucket', async () => {
    const { endpoint, stop } = await startVersitygw(versitygw)
    const scratch = await scratchDirectory()
    const stagingDirectory = join(scratch.path, 'staging')
    return {
      store: await openBlobs({
        kind: 's3',
        bucket,
        prefix: 'shards/',
        endpoint,
        forcePathStyle: true,
        credentials,
        stagingDirectory,
      }),
      scratchDirectory: stagingDirectory,
      async end() {
        await stop()
        await scratch[Symbol.asyncDispose]()
      },
    }
  })
}
