import { type DestinationStream, destination, type Logger as PinoLogger, pino, stdSerializers } from 'pino';
import { CodedError } from './errors.ts';

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
export function createLogger(options: LoggerOptions): Logger {
  const { name, level, destination: target = 2 } = options;
  const stream = typeof target === 'number' ? destination({ dest: target, sync: true }) : target;
  const settings = {
    name,
    level,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: serializeError },
  };
  return pino(settings, stream);
}

/** A CodedError's code and facts are fields of their own, to be searched by. */
function serializeError(thrown: unknown): unknown {
  if (!(thrown instanceof Error)) return { type: typeof thrown, message: String(thrown) };
  const { type, message, stack } = stdSerializers.err(thrown);
  return thrown instanceof CodedError
    ? { type, code: thrown.code, facts: thrown.facts, message, stack }
    : { type, message, stack };
}
