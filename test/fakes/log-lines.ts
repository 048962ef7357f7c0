import { createLogger, type Logger } from '../../runtime/logger.ts';

/** A logger whose lines a test can read. */
export class LogLines {
  readonly lines: Record<string, unknown>[] = [];
  readonly logger: Logger = createLogger({
    name: 'test',
    level: 'trace',
    destination: { write: (line: string) => this.lines.push(JSON.parse(line)) },
  });
}
