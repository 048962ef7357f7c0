import { z } from 'zod';

/** What a virtual machine tells, a line of JSON each, on its second serial port. */
export const reportLine = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('machine'),
    release: z.string(),
    lockdown: z.string(),
    perfEventParanoid: z.string(),
    /** The process that causes the events. */
    driverPid: z.number(),
  }),
  /** `/metrics` of the agent of a run, behind a step. */
  z.object({ kind: z.literal('scrape'), run: z.string(), step: z.string(), exposition: z.string() }),
  /** All that this agent wrote. */
  z.object({ kind: z.literal('log'), run: z.string(), text: z.string() }),
  z.object({ kind: z.literal('end'), uptimeSeconds: z.number() }),
  z.object({ kind: z.literal('failed'), message: z.string() }),
]);

export type ReportLine = z.infer<typeof reportLine>;
