import { CodedError } from '../../runtime/errors.ts';

const whys = {
  places: 'too many scrapes are under way, or too many from your address',
  memory: 'answers that their clients have not taken yet hold too much memory',
  time: 'its time was over while other scrapes were rendered',
  stopping: 'the agent stops, and its maps are being closed',
} as const;

export type RefusalReason = keyof typeof whys;
export const refusalReasons = Object.keys(whys) as readonly RefusalReason[];

/** This scrape gets no answer but 503: better none than one that lacks what is there. */
export class ScrapeRefused extends CodedError<'ScrapeRefused', { reason: RefusalReason }> {
  constructor(reason: RefusalReason) {
    super('ScrapeRefused', `scrape: ${whys[reason]}`, { reason });
  }
}
