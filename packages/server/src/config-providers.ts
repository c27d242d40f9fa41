import { choice, integer } from './config-setting.ts'

const GiB = 1024 ** 3

/** Who may take which piece: the rules of the portal for storage providers (docs/storage-providers.md). */
export const providerSettings = {
  DEAL_REPLICAS: integer(1, 100, {
    section: 'Storage providers',
    description: 'Live replicas of an aggregate that are wanted, each at another storage provider. What has fewer is offered.',
    initial: 3,
  }),
  DEAL_MAX_PER_ORGANISATION: integer(1, 100, {
    section: 'Storage providers',
    description: 'Most of them at storage providers of one organisation: what one company can lose by one mistake.',
    initial: 1,
  }),
  DEAL_MAX_PER_CITY: integer(1, 100, {
    section: 'Storage providers',
    description: 'Most of them in one city: what one fire or flood can take.',
    initial: 1,
  }),
  DEAL_MAX_PER_COUNTRY: integer(1, 100, {
    section: 'Storage providers',
    description: 'Most of them in one country: what one law can reach.',
    initial: 2,
  }),
  DEAL_MAX_PER_CONTINENT: integer(1, 100, {
    section: 'Storage providers',
    description: 'Most of them on one continent.',
    initial: 3,
  }),
  DEAL_MAX_IN_FLIGHT_BYTES: integer(128, Number.MAX_SAFE_INTEGER, {
    section: 'Storage providers',
    description:
      'Padded bytes a storage provider may have taken and not yet put into sectors: one that takes and never seals holds up no more than this.',
    initial: 1024 * GiB,
    initialText: '1099511627776 (1 TiB)',
  }),
  DEAL_ENDING_DAYS: integer(0, 365, {
    section: 'Storage providers',
    description:
      'A deal that ends within so many days (of 2,880 epochs), or within the last quarter of its time where that is less, does not count as a replica any more: its successor can be taken before it ends.',
    initial: 45,
  }),
  PROVIDER_MUST_MINE: choice(['auto', 'yes', 'no'], {
    section: 'Storage providers',
    description:
      'Whether a storage provider has to be eligible for mining (MinerGetBaseInfo): it has power, and proves what it holds. `no` for those that are new or hold little. ' +
      '`auto` is `yes`, but not on the devnet, where nobody mines.',
    initial: 'auto',
  }),
  PROVIDER_LEAST_STANDING: choice(['shaky', 'good', 'any'], {
    section: 'Storage providers',
    description:
      'What the standing of a storage provider has to be at least for it to get pieces and renewals: by the checks whether it gives back what it stores (`RETRIEVAL_CHECK_MINUTES`). ' +
      '`shaky`: not `poor`, seven of ten checks went well. `good`: 19 of 20. A new one is good enough. `any` asks nothing of it.',
    initial: 'shaky',
  }),
  PORTAL_LOG_DAYS: integer(1, 3650, {
    section: 'Storage providers',
    description: 'How long requests to the portal are kept, with who asked, for what, and what they were told.',
    initial: 90,
  }),
}
