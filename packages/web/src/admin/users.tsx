import type { AdminUser } from '@keepsake/api/admin.ts'
import { type FormEvent, useCallback, useState } from 'react'
import { Link } from 'wouter'
import { call } from '../api/call.ts'
import { useResource } from '../api/use-resource.ts'
import { paths } from '../site/paths.ts'
import { Button } from '../ui/button.tsx'
import { TextField } from '../ui/field.tsx'
import { formatBytes, formatCount } from '../ui/format.ts'
import { FailureNotice } from '../ui/notice.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { When } from '../ui/when.tsx'
import { WideTable } from '../ui/wide-table.tsx'

interface Found {
  users: AdminUser[]
  count: number
  next: number | null
}

export function Users() {
  const [typed, setTyped] = useState('')
  const [search, setSearch] = useState('')
  // The pages before this one, so that one can go back.
  const [trail, setTrail] = useState<(number | undefined)[]>([undefined])
  const after = trail.at(-1)
  const load = useCallback(
    (signal: AbortSignal) => {
      const query = new URLSearchParams({ ...(search && { search }), ...(after !== undefined && { after: String(after) }) })
      return call<Found>('GET', `/account/admin/users?${query}`, { signal })
    },
    [search, after],
  )
  const found = useResource(load)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    setTrail([undefined])
    setSearch(typed.trim())
  }
  return (
    <section className="admin-section" aria-labelledby="users">
      <h2 id="users">People</h2>
      <form className="row admin-search" onSubmit={submit}>
        <TextField
          label="Address or name contains"
          type="search"
          maxLength={254}
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
        />
        <Button type="submit">Search</Button>
      </form>
      {found.status === 'loading' && <Skeleton />}
      {found.status === 'failed' && <FailureNotice error={found.error} retry={found.reload} />}
      {found.value?.count === 0 && <p>Nobody{search && ` whose address or name contains "${search}"`}.</p>}
      {found.value && found.value.count > 0 && (
        <>
          <UserTable users={found.value.users} />
          <div className="button-row">
            {trail.length > 1 && (
              <Button size="small" onClick={() => setTrail(trail.slice(0, -1))}>
                Newer
              </Button>
            )}
            {found.value.next !== null && (
              <Button size="small" onClick={() => setTrail([...trail, found.value?.next ?? undefined])}>
                Older
              </Button>
            )}
          </div>
        </>
      )}
    </section>
  )
}

function UserTable({ users }: { users: AdminUser[] }) {
  return (
    <WideTable label="People">
      <table className="user-table">
        <thead>
          <tr>
            <th scope="col">Who</th>
            <th scope="col">Uploads</th>
            <th scope="col">Keeps</th>
            <th scope="col">Since</th>
            <th scope="col">Seen</th>
          </tr>
        </thead>
        <tbody>
          {users.map((user) => (
            <tr key={user.id}>
              <td>
                <Link href={paths.adminUser.replace(':id', String(user.id))}>
                  <bdi>{user.email ?? user.name ?? `User ${user.id}`}</bdi>
                </Link>{' '}
                {user.isAdmin && <span className="badge">admin</span>}{' '}
                {user.uploadsRestricted && <span className="badge badge-bad">may not store</span>}{' '}
                {user.deletesRestricted && <span className="badge badge-bad">may not delete</span>}
              </td>
              <td>{formatCount(user.uploads)}</td>
              <td>
                {formatBytes(user.storage.usedBytes)}
                {user.storage.limitBytes !== null && ` of ${formatBytes(user.storage.limitBytes)}`}
              </td>
              <td>
                <When instant={user.created} />
              </td>
              <td>{user.lastSeen ? <When instant={user.lastSeen} /> : 'never'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </WideTable>
  )
}
