import { lazy, type ReactNode, Suspense } from 'react'
import { Route, Switch, useLocation } from 'wouter'
import { HomePage } from './home/home-page.tsx'
import { SessionProvider } from './session/session.tsx'
import { FailureBoundary } from './site/failure-boundary.tsx'
import { Layout } from './site/layout.tsx'
import { NotFound } from './site/not-found.tsx'
import { paths } from './site/paths.ts'
import { PageSkeleton } from './ui/skeleton.tsx'

// Every page but the first is loaded when somebody goes there. Each module has one page as its default export.
const SignInPage = lazy(() => import('./sign-in/sign-in-page.tsx'))
const LinkPage = lazy(() => import('./sign-in/link-page.tsx'))
const SetUpPage = lazy(() => import('./sign-in/set-up-page.tsx'))

export function App() {
  return (
    <SessionProvider>
      <Layout>
        <Guarded>
          <Switch>
            <Route path={paths.home} component={HomePage} />
            <Route path={paths.signIn} component={SignInPage} />
            <Route path={paths.link} component={LinkPage} />
            <Route path={paths.setUp} component={SetUpPage} />
            <Route component={NotFound} />
          </Switch>
        </Guarded>
      </Layout>
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
