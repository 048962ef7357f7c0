import type { DestinationStream, Logger as PinoLogger } from 'pino';

export type Logger = PinoLogger;

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

export interface LoggerOptions {
  /** `name` of every line: which process this is. */
  readonly name: string;
  readonly level: LogLevel;
  /** File descriptor (2 by default), or a stream in tests. */
  readonly destination?: 1 | 2 | DestinationStream;
}

/** One JSON object per line, written synchronously: the last line before an exit is the one that matters. */
export declare function createLogger(options: LoggerOptions): Logger;
