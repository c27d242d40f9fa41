import type { ApiKey } from '@keepsake/api/keys.ts'

/** What keys may do, in words. */
export const scopes: Record<ApiKey['scope'], { choice: string; badge: string; hint: string }> = {
  upload: {
    choice: 'Store files',
    badge: 'may store',
    hint: 'Store and rename. It cannot list what you have, and cannot delete.',
  },
  all: { choice: 'Do everything', badge: 'may do everything', hint: 'Also delete files, and make and revoke keys.' },
  read: { choice: 'Read my list', badge: 'may read', hint: 'List your files and see where they stand.' },
  pins: { choice: 'Use the Pinning Service API', badge: 'may pin', hint: 'For Kubo and other pinning clients.' },
}
