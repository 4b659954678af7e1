/** Runs Prometheus with the alert rules of deploy/prometheus, and asks it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from './free-ports.js';
import { projectRoot } from './project.js';

export const RULES = join(projectRoot, 'deploy/prometheus/lightscore.rules.yaml');

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

interface QueryAnswer {
  readonly status: string;
  readonly error?: string;
  readonly data?: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>;
      readonly value: readonly [number, string];
    }[];
  };
}

export class Prometheus {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #url: string;

  private constructor(child: ChildProcess, folder: string, port: number) {
    this.#child = child;
    this.#folder = folder;
    this.#url = `http://127.0.0.1:${port}`;
  }

  /** Starts it; it scrapes `target`, host and port, every second as job `lightscore`. */
  static async start(target: string): Promise<Prometheus> {
    const [port] = await freePorts(1);
    const folder = mkdtempSync(join(tmpdir(), 'lightscore-prometheus-'));
    const configuration = join(folder, 'prometheus.yml');
    writeFileSync(
      configuration,
      `global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: ["${RULES}"]
scrape_configs: [{ job_name: lightscore, static_configs: [{ targets: ["${target}"] }] }]
`,
    );
    const child = spawn(
      'prometheus',
      [
        `--config.file=${configuration}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    const prometheus = new Prometheus(child, folder, port);
    child.stderr?.setEncoding('utf8');
    await new Promise<void>((resolve, reject) => {
      let log = '';
      child.stderr?.on('data', (text: string) => {
        log += text;
        if (log.includes('Server is ready to receive web requests')) resolve();
      });
      child.once('exit', () => reject(new Error(`Prometheus did not start: ${log}`)));
    });
    return prometheus;
  }

  /** @throws Error with Prometheus' own words where the expression is wrong */
  async query(expression: string): Promise<Sample[]> {
    const response = await fetch(`${this.#url}/api/v1/query?query=${encodeURIComponent(expression)}`);
    const { status, error, data } = (await response.json()) as QueryAnswer;
    if (status !== 'success' || data === undefined) throw new Error(`${expression}: ${error}`);
    return data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    await once(this.#child, 'exit');
    rmSync(this.#folder, { recursive: true });
  }
}
