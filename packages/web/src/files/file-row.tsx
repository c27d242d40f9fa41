import type { Nft } from '@keepsake/api/nft.ts'
import { memo } from 'react'
import { Link } from 'wouter'
import { gatewayUrl } from '../site/gateway.ts'
import { Button } from '../ui/button.tsx'
import { CopyButton } from '../ui/copy-button.tsx'
import { formatBytes } from '../ui/format.ts'
import { When } from '../ui/when.tsx'
import { kindNames, kindOf } from './content-kind.ts'
import { downloadUrl, ipfsUrl, openUrl } from './content-links.ts'
import { displayName } from './display-name.ts'
import { fileHref } from './file-href.ts'
import { RowMenu } from './row-menu.tsx'
import { Standing } from './standing.tsx'
import { Thumbnail } from './thumbnail.tsx'

interface FileRowProps {
  file: Nft
  isChosen: boolean
  onChoose: (cid: string, isChosen: boolean, isRange: boolean) => void
  onRename: (file: Nft) => void
  onDelete: (file: Nft) => void
}

export const FileRow = memo(function FileRow({ file, isChosen, onChoose, onRename, onDelete }: FileRowProps) {
  const { cid, size, created } = file
  const kind = kindOf(file)
  const name = displayName(file)
  return (
    <li className={`file-row ${isChosen ? 'file-row-chosen' : ''}`}>
      <label className="file-choose">
        <input
          type="checkbox"
          checked={isChosen}
          onChange={(event) => onChoose(cid, event.target.checked, (event.nativeEvent as MouseEvent).shiftKey)}
        />
        <span className="visually-hidden">
          Choose <bdi>{name}</bdi>
        </span>
      </label>
      <Thumbnail cid={cid} name={file.name} kind={kind} sizeBytes={size} />
      <div className="file-what">
        <Link href={fileHref(cid)} className="file-name">
          <bdi>{name}</bdi>
        </Link>
        <span className="file-cid">
          <span className="cid" title={cid}>
            {`${cid.slice(0, 10)}…${cid.slice(-6)}`}
          </span>
          <CopyButton text={cid} label={`Copy CID of ${name}`}>
            Copy CID
          </CopyButton>
        </span>
      </div>
      <span className="file-size numbers">
        <span className="visually-hidden">{kindNames[kind]}, </span>
        {size > 0 ? formatBytes(size) : '–'}
      </span>
      <span className="file-when">
        <When instant={created} />
      </span>
      <Standing pin={file.pin} />
      <RowMenu label={`More about ${name}`}>
        <a href={openUrl(cid, file.name, kind)} target="_blank" rel="noreferrer" className="button button-quiet button-small">
          Open
        </a>
        <a href={downloadUrl(cid, file.name, kind)} className="button button-quiet button-small">
          Download
        </a>
        <CopyButton text={ipfsUrl(cid, kind)} label={`Copy ipfs:// address of ${name}`}>
          Copy ipfs:// address
        </CopyButton>
        <CopyButton text={gatewayUrl(cid)} label={`Copy gateway address of ${name}`}>
          Copy gateway address
        </CopyButton>
        <Button kind="quiet" size="small" onClick={() => onRename(file)}>
          Rename
        </Button>
        <Button kind="quiet" size="small" className="danger-text" onClick={() => onDelete(file)}>
          Delete
        </Button>
      </RowMenu>
    </li>
  )
})
