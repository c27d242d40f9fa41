import { paths } from './paths.ts'

export interface NavItem {
  to: string
  text: string
}

/** For everybody. Only what is finished is linked. */
export const publicNav: readonly NavItem[] = [
  { to: paths.docs, text: 'Docs' },
  { to: paths.stats, text: 'Numbers' },
]

/** For whoever is signed in, before the rest. */
export const signedInNav: readonly NavItem[] = [
  { to: paths.files, text: 'Files' },
  { to: paths.upload, text: 'Upload' },
  { to: paths.pins, text: 'Pins' },
  { to: paths.keys, text: 'API keys' },
]

/** At the foot of every page. `external` is not part of these pages, so the browser loads it anew. */
export const footerNav: readonly (NavItem & { external?: true })[] = [
  { to: paths.docs, text: 'Docs' },
  { to: paths.faq, text: 'Questions' },
  { to: paths.providers, text: 'Storage providers' },
  { to: '/api/docs', text: 'API', external: true },
  { to: paths.terms, text: 'Terms' },
]
