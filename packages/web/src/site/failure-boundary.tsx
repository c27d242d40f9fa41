import { Component, type ReactNode } from 'react'
import { Button } from '../ui/button.tsx'
import { Notice } from '../ui/notice.tsx'

/** Stands in for a page that failed, also for one whose code could not be loaded because the server has a newer one. */
export class FailureBoundary extends Component<{ children: ReactNode }, { hasFailed: boolean }> {
  override state = { hasFailed: false }

  static getDerivedStateFromError() {
    return { hasFailed: true }
  }

  override render() {
    if (!this.state.hasFailed) return this.props.children
    return (
      <div className="page page-narrow">
        <Notice kind="bad">
          <p>This page could not be shown. Nothing you stored is affected.</p>
          <Button size="small" onClick={() => location.reload()}>
            Load it again
          </Button>
        </Notice>
      </div>
    )
  }
}
