import { Link } from 'wouter'
import { paths } from '../site/paths.ts'
import { Empty } from '../ui/empty.tsx'

export function NoFiles({ isSearch, isLater }: { isSearch: boolean; isLater: boolean }) {
  if (isLater)
    return <Empty title="Nothing further">The files that were on this page are gone. Those before it are where they were.</Empty>
  if (isSearch) {
    return (
      <Empty title="Nothing like that">
        No file of yours has this in its name, and none has it as its CID. Parts of names are found in any case; CIDs only whole.
      </Empty>
    )
  }
  return (
    <Empty
      title="Nothing is kept yet"
      action={
        <Link href={paths.upload} className="button button-main">
          Upload a file
        </Link>
      }
    >
      What you upload here, or store with a key over the API, is listed in this place with its CID and where it stands.
    </Empty>
  )
}
