import type { ProviderApplication } from '@keepsake/api/storage-providers.ts'
import { useCallback, useState } from 'react'
import { call } from '../api/call.ts'
import { useResource } from '../api/use-resource.ts'
import { useInterval } from '../files/use-interval.ts'
import { Button } from '../ui/button.tsx'
import { FailureNotice } from '../ui/notice.tsx'
import { useAction } from '../ui/use-action.ts'
import { When } from '../ui/when.tsx'
import { ReasonDialog } from './reason-dialog.tsx'

const lookAgainMs = 10_000
const path = '/account/admin/provider-applications'

/** Storage providers that ask to be registered. Nothing is shown where nobody waits. */
export function ProviderApplications({ registered }: { registered: () => void }) {
  const found = useResource(useCallback((signal) => call<ProviderApplication[]>('GET', `${path}?state=waiting`, { signal }), []))
  const [declining, decline] = useState<string>()
  useInterval(found.reload, declining === undefined ? lookAgainMs : undefined)
  const approving = useAction(async (provider: string) => {
    await call('POST', `${path}/${provider}/approve`)
    found.reload()
    registered()
  })
  const close = () => {
    decline(undefined)
    found.reload()
  }
  if (found.status === 'failed') return <FailureNotice error={found.error} retry={found.reload} />
  if (!found.value?.length) return null
  return (
    <section className="admin-section" aria-labelledby="applications">
      <h2 id="applications">Ask to be registered</h2>
      <p>Each has signed this with the worker key of its provider. Whether the place is true only you can find out.</p>
      {approving.error !== undefined && <FailureNotice error={approving.error} />}
      {declining !== undefined && (
        <ReasonDialog
          title={`Decline ${declining}`}
          hint="The provider is told. It may ask again after a week."
          action="Decline"
          path={`${path}/${declining}/decline`}
          onClose={close}
        />
      )}
      <ul className="plain-list application-list">
        {found.value.map(({ provider, name, organisation, city, country, continent, retrievalUrl, place, askedAt }) => (
          <li key={provider}>
            <div>
              <strong>{provider}</strong> {name && `${name}, `}
              {organisation}; {city}, {country}, {continent}
              <p className="field-hint">
                {retrievalUrl ? `Gives out what it holds at ${retrievalUrl}. ` : ''}
                Asked <When instant={askedAt} /> from {place}.
              </p>
            </div>
            <div className="button-row">
              <Button
                size="small"
                busy={approving.busy}
                aria-label={`Register ${provider}`}
                onClick={() => void approving.run(provider)}
              >
                Register
              </Button>
              <Button size="small" kind="quiet" aria-label={`Decline ${provider}`} onClick={() => decline(provider)}>
                Decline
              </Button>
            </div>
          </li>
        ))}
      </ul>
    </section>
  )
}
