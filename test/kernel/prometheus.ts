import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../apiserver/harness/eventually.ts';
import { freePorts } from '../apiserver/harness/free-port.ts';
import { type OwnedProcess, startProcess } from '../apiserver/harness/owned-process.ts';

interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

/** Debian's Prometheus, scraping one target every second. */
export class Prometheus implements AsyncDisposable {
  readonly #url: string;
  readonly #process: OwnedProcess;

  private constructor(url: string, owned: OwnedProcess) {
    this.#url = url;
    this.#process = owned;
  }

  /**
   * `target` is an agent's url, or of whoever serves an exposition at each of `paths`, which are then the jobs' names;
   * `folder` is the test's own. Resolves when each was scraped twice.
   */
  static async start(target: string, folder: string, paths: readonly string[] = ['/metrics']): Promise<Prometheus> {
    const [port] = await freePorts(1);
    const address = `127.0.0.1:${port}`;
    const config = {
      global: { scrape_interval: '1s', scrape_timeout: '1s' },
      scrape_configs: paths.map((path) => ({
        job_name: path,
        metrics_path: path,
        honor_labels: true,
        static_configs: [{ targets: [new URL(target).host] }],
      })),
    };
    const configFile = join(folder, 'prometheus.json');
    writeFileSync(configFile, JSON.stringify(config)); // JSON is YAML
    const args = [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${join(folder, 'tsdb')}`,
      `--web.listen-address=${address}`,
    ];
    const owned = startProcess('prometheus', 'prometheus', args, join(folder, 'prometheus.log'));
    const prometheus = new Prometheus(`http://${address}`, owned);
    await eventually('Prometheus to have scraped twice', async () => {
      if (owned.exited !== undefined) throw new Error(owned.logTail());
      const [least] = await prometheus.query('min(count_over_time(up[1m]))');
      const [targets] = await prometheus.query('count(up)');
      return Number(least?.value[1]) >= 2 && Number(targets?.value[1]) === paths.length;
    });
    return prometheus;
  }

  /** What the instant query says now. Throws, with Prometheus' words, where it does not take the expression. */
  async query(promql: string): Promise<readonly Sample[]> {
    const response = await fetch(`${this.#url}/api/v1/query?query=${encodeURIComponent(promql)}`);
    const answer = (await response.json()) as { error?: string; data?: { result: Sample[] } };
    if (answer.data === undefined) throw new Error(`query ${promql}: ${answer.error}`);
    return answer.data.result;
  }

  /** The errors of the last scrape of each target; empty where there was none. */
  async lastErrors(): Promise<string[]> {
    const response = await fetch(`${this.#url}/api/v1/targets`);
    const answer = (await response.json()) as { data: { activeTargets: { lastError: string }[] } };
    return answer.data.activeTargets.map(({ lastError }) => lastError).filter((error) => error !== '');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stop();
  }
}
