import { choice, integer } from './config-setting.ts'

/** What is proposed to storage providers (docs/deals.md). Days and hours are of epochs, as the chain counts: 2,880 and 120. */
export const dealSettings = {
  DEAL_START_HOURS: integer(1, 720, {
    section: 'Deals',
    description:
      'How long a storage provider has from the proposal until the deal begins: to download the piece, publish the deal and seal the sector. What is not published by then never will be.',
    initial: 72,
  }),
  DEAL_DURATION_DAYS: integer(180, 1278, {
    section: 'Deals',
    description: 'How long a deal lasts. The chain takes 180 to 1,278 days.',
    initial: 532,
  }),
  DEAL_VERIFIED: choice(['no', 'yes'], {
    section: 'Deals',
    description:
      'Propose verified deals (Fil+), which the default key of the wallet needs DataCap for. No more is offered than the chain says that it has.',
    initial: 'no',
  }),
  DEAL_COLLATERAL_PERCENT: integer(100, 10_000, {
    section: 'Deals',
    description:
      'What the storage provider puts up for the deal, in percent of the least the chain takes when the proposal is made: by the time it is published that is a little more.',
    initial: 170,
  }),
  DEAL_LABEL: choice(['root', 'piece'], {
    section: 'Deals',
    description:
      'What the label of a deal says: the CID of the directory of everything in it (`root`), or the piece CID. Where there is no directory it is the piece CID.',
    initial: 'root',
  }),
  DEAL_RENEW: choice(['yes', 'no'], {
    section: 'Deals',
    description: 'Propose to the same storage provider a deal that stands in for one that is about to end (`DEAL_ENDING_DAYS`).',
    initial: 'yes',
  }),
  DEAL_AGAIN_HOURS: integer(0, 8760, {
    section: 'Deals',
    description:
      'How long a storage provider that failed with a piece is not given it again. Twice as long after each further failure with it, at most 30 days.',
    initial: 24,
  }),
}
