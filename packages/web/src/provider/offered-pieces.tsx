import type { StorageProviders } from '@keepsake/api/storage-providers.ts'
import { CopyButton } from '../ui/copy-button.tsx'
import { formatBytes, formatCount } from '../ui/format.ts'
import { When } from '../ui/when.tsx'
import { WideTable } from '../ui/wide-table.tsx'

/** Pieces that lack replicas, those that have waited longest first. */
export function OfferedPieces({ offered, wanted }: { offered: StorageProviders['offered']; wanted: number }) {
  const { pieces, bytes, first } = offered
  if (pieces === 0) return <p>Every piece has all its replicas.</p>
  return (
    <>
      <p>
        {formatCount(pieces)} {pieces === 1 ? 'piece' : 'pieces'} with {formatBytes(bytes)} {pieces === 1 ? 'waits' : 'wait'} for
        more replicas.
        {pieces > first.length && ` The ${first.length} that have waited longest:`}
      </p>
      <WideTable className="holdings" label="Pieces on offer">
        <table>
          <thead>
            <tr>
              <th scope="col">Piece</th>
              <th scope="col">Size</th>
              <th scope="col">To download</th>
              <th scope="col">Replicas</th>
              <th scope="col">Offered</th>
              <th scope="col">
                <span className="visually-hidden">Take it</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {first.map(({ pieceCid, bytes: size, dataBytes, replicas, since }) => (
              <tr key={pieceCid}>
                <th scope="row">
                  <code className="cid-short">{pieceCid}</code>
                </th>
                <td>{formatBytes(size)}</td>
                <td>{formatBytes(dataBytes)}</td>
                <td>
                  {replicas} of {wanted}
                </td>
                <td>
                  <When instant={since} />
                </td>
                <td>
                  <CopyButton text={`sh keepsake-sp.sh request ${pieceCid}`} label={`Copy the command that takes ${pieceCid}`} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </WideTable>
    </>
  )
}
