import * as z from 'zod';
import { parseListenAddress } from './listen-address.ts';
import { logLevels } from './logger.ts';

/** The flags that every process of this kind has, alike in all. `port`: where this one listens by default. */
export const commonFlags = (port: number) => ({
  kubeconfig: z
    .string()
    .min(1)
    .optional()
    .describe('Reach the API server as this file says; default: as a Pod does')
    .meta({ value: 'FILE' }),
  listen: z
    .string()
    .default(`0.0.0.0:${port}`)
    .refine((text) => parseListenAddress(text) !== undefined, `not HOST:PORT, such as 0.0.0.0:${port} or [::1]:${port}`)
    .describe('Where /metrics, /healthz and /readyz are served')
    .meta({ value: 'HOST:PORT' }),
  logLevel: z.enum(logLevels).default('info').describe('How much to log'),
});
