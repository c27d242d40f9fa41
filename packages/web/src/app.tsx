import { lazy, type ReactNode, Suspense } from 'react'
import { Route, Switch, useLocation } from 'wouter'
import { HomePage } from './home/home-page.tsx'
import { SessionProvider } from './session/session.tsx'
import { FailureBoundary } from './site/failure-boundary.tsx'
import { Layout } from './site/layout.tsx'
import { NotFound } from './site/not-found.tsx'
import { paths } from './site/paths.ts'
import { PageSkeleton } from './ui/skeleton.tsx'
import { UploadsProvider } from './upload/queue/uploads-provider.tsx'

// Every page but the first is loaded when somebody goes there. Each module has one page as its default export.
const SignInPage = lazy(() => import('./sign-in/sign-in-page.tsx'))
const LinkPage = lazy(() => import('./sign-in/link-page.tsx'))
const SettingsPage = lazy(() => import('./settings/settings-page.tsx'))
const KeysPage = lazy(() => import('./keys/keys-page.tsx'))
const DocsIndexPage = lazy(() => import('./docs/docs-index-page.tsx'))
const DocsPage = lazy(() => import('./docs/docs-page.tsx'))
const TermsPage = lazy(() => import('./docs/terms-page.tsx'))
const StatsPage = lazy(() => import('./stats/stats-page.tsx'))
const AdminPage = lazy(() => import('./admin/admin-page.tsx'))
const AggregatesPage = lazy(() => import('./admin/aggregates-page.tsx'))
const DealsPage = lazy(() => import('./admin/deals-page.tsx'))
const DealPage = lazy(() => import('./admin/deal-page.tsx'))
const AdminProvidersPage = lazy(() => import('./admin/providers-page.tsx'))
const ProviderPage = lazy(() => import('./provider/provider-page.tsx'))
const ProvidersPage = lazy(() => import('./provider/providers-page.tsx'))
const UserPage = lazy(() => import('./admin/user-page.tsx'))
const FilesPage = lazy(() => import('./files/files-page.tsx'))
const FilePage = lazy(() => import('./file-page/file-page.tsx'))
const UploadPage = lazy(() => import('./upload/upload-page.tsx'))
const TokenPage = lazy(() => import('./token-form/token-page.tsx'))
const PinsPage = lazy(() => import('./pins/pins-page.tsx'))
const SetUpPage = lazy(() => import('./sign-in/set-up-page.tsx'))

export function App() {
  return (
    <SessionProvider>
      <UploadsProvider>
        <Layout>
          <Guarded>
            <Switch>
              <Route path={paths.home} component={HomePage} />
              <Route path={paths.signIn} component={SignInPage} />
              <Route path={paths.link} component={LinkPage} />
              <Route path={paths.setUp} component={SetUpPage} />
              <Route path={paths.settings} component={SettingsPage} />
              <Route path={paths.keys} component={KeysPage} />
              <Route path={paths.docs} component={DocsIndexPage} />
              <Route path={paths.docsPage} component={DocsPage} />
              <Route path={paths.terms} component={TermsPage} />
              <Route path={paths.stats} component={StatsPage} />
              <Route path={paths.admin} component={AdminPage} />
              <Route path={paths.adminUser} component={UserPage} />
              <Route path={paths.adminAggregates} component={AggregatesPage} />
              <Route path={paths.adminDeals} component={DealsPage} />
              <Route path={paths.adminDeal} component={DealPage} />
              <Route path={paths.adminProviders} component={AdminProvidersPage} />
              <Route path={paths.providers} component={ProvidersPage} />
              <Route path={paths.provider} component={ProviderPage} />
              <Route path={paths.files} component={FilesPage} />
              <Route path={paths.file} component={FilePage} />
              <Route path={paths.upload} component={UploadPage} />
              <Route path={paths.token} component={TokenPage} />
              <Route path={paths.pins} component={PinsPage} />
              <Route component={NotFound} />
            </Switch>
          </Guarded>
        </Layout>
      </UploadsProvider>
    </SessionProvider>
  )
}

/** Waits for the code of a page, and stands in for it when it fails; the next page begins anew. */
function Guarded({ children }: { children: ReactNode }) {
  const [location] = useLocation()
  return (
    <FailureBoundary key={location}>
      <Suspense fallback={<PageSkeleton />}>{children}</Suspense>
    </FailureBoundary>
  )
}
