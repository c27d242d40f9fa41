/** Where pages are. What is linked from more than one place is linked by these names. */
export const paths = {
  home: '/',
  signIn: '/sign-in',
  link: '/sign-in/link',
  setUp: '/set-up',
  settings: '/settings',
  keys: '/keys',
  docs: '/docs',
  docsPage: '/docs/:page',
  faq: '/docs/faq',
  stats: '/stats',
  terms: '/terms',
  admin: '/admin',
  adminUser: '/admin/users/:id',
  adminAggregates: '/admin/aggregates',
  adminProviders: '/admin/providers',
  providers: '/providers',
  provider: '/providers/:provider',
  adminDeals: '/admin/deals',
  adminDeal: '/admin/deals/:id',
  files: '/files',
  file: '/files/:cid',
  upload: '/upload',
  token: '/upload/nft',
  pins: '/pins',
} as const

/** The page of a storage provider, named as in `f01234`. */
export function providerPath(provider: string): string {
  return paths.provider.replace(':provider', provider)
}

/**
 * The address patterns of every page, for the server: it answers these with the website, and others with the website and status 404. A page
 * that is not finished is not in here.
 */
export const servedPaths: readonly string[] = [
  paths.home,
  paths.signIn,
  paths.link,
  paths.setUp,
  paths.settings,
  paths.keys,
  paths.docs,
  paths.terms,
  paths.stats,
  paths.admin,
  paths.adminUser,
  paths.adminAggregates,
  paths.adminProviders,
  paths.providers,
  paths.provider,
  paths.adminDeals,
  paths.adminDeal,
  paths.files,
  paths.file,
  paths.upload,
  paths.token,
  paths.pins,
]
