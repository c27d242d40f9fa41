/** What the gateway has to know about where it is reached. */
export interface GatewayConfig {
  /**
   * The public host of the gateway, without port, for example `gateway.example.org`: `<cid>.ipfs.gateway.example.org` gives every
   * root an origin of its own, and a path on the host itself redirects there. Needs wildcard DNS, and a wildcard certificate for
   * HTTPS. `localhost` is always served that way; browsers resolve its subdomains themselves.
   */
  host: string | undefined
  /** Believe `X-Forwarded-Host` and `X-Forwarded-Proto`. Only behind a proxy that sets or removes them. */
  trustProxy: boolean
  /** Hosts whose DNSLink is served: domains, `*.example.org`, or `*` for all that are not this server's own. None when left out. */
  siteHosts?: readonly string[]
  /** Names of this server that are never a site: of the website and the API. In lower case. */
  ownHosts?: readonly string[]
}

/** Bounds of one answer. */
export const limits = {
  /** Entries on one page of a directory listing. */
  listedEntries: 1000,
  /** Longest `_redirects` file, in bytes (Web Redirects File specification). */
  redirectsFileBytes: 64 * 1024,
} as const
