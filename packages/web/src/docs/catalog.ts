export interface DocsPage {
  /** In the address, and of the file `docs/<name>.md`. */
  name: string
  title: string
  /** What one finds there. */
  about: string
}

/** The pages of `docs/` that people find on the website, in the order in which one would read them. */
export const catalog: readonly DocsPage[] = [
  { name: 'faq', title: 'Questions, answered', about: 'What people ask who keep NFT data, and what they suffered from before.' },
  {
    name: 'journey-of-a-file',
    title: 'The journey of a file',
    about: 'What happens between your call and the acknowledgement, step by step.',
  },
  { name: 'limits', title: 'Limits', about: 'Every bound, its default, and why it is there.' },
  {
    name: 'operating',
    title: 'Operating Keepsake',
    about: 'Run it for others: backups, several machines, when something is wrong.',
  },
  {
    name: 'nobody-finds-my-cid',
    title: 'Why can nobody find my CID?',
    about: 'What stands between a CID and those who look for it, and what to do.',
  },
  {
    name: 'pinning',
    title: 'Pins by CID',
    about: 'Have what is on IPFS already fetched and kept: with Kubo, the command, or over HTTP.',
  },
  {
    name: 'pin-backends',
    title: 'Pinned in more than one place',
    about: 'Who else can keep what is stored here, how, and what becomes of a pin.',
  },
  { name: 'proofs', title: 'Proofs', about: 'Check where a file lies in Filecoin, without trusting anybody.' },
  {
    name: 'aggregates',
    title: 'Aggregates for Filecoin',
    about: 'What uploads are packed into, when, by which rules, and what happens when something goes wrong.',
  },
  {
    name: 'deals',
    title: 'Deals with storage providers',
    about: 'What a deal may become, what runs by itself, the key that signs, and handing over proposals by hand.',
  },
  { name: 'signing-in', title: 'Signing in', about: 'How people come in, and what keeps others out.' },
  { name: 'performance', title: 'Performance', about: 'What was measured, and where the time goes.' },
  { name: 'configuration', title: 'Configuration', about: 'Every setting of a server.' },
]
