/** `npm run load` as a child process, with its reports in a folder of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { LoadReport } from '../../loadtest/report/load-report.js';

const COMMAND = fileURLToPath(new URL('../../loadtest/run-scenario.js', import.meta.url));

/** Short, and few enough requests for any machine; the limit of the p99 is for a real one. */
export const SHORT = ['--rate', '200', '--duration', '1', '--connections', '8', '--p99', '2000'];
export const linuxOnly = process.platform === 'linux' ? {} : { skip: "the load generator needs Linux's epoll" };

export interface Loaded {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Undefined where there was no load. */
  readonly report: LoadReport | undefined;
  /** The page; empty where there was no load. */
  readonly page: string;
}

export async function load(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Loaded> {
  const out = mkdtempSync(join(tmpdir(), 'lightscore-load-'));
  const json = join(out, 'report.json');
  const child = spawn(process.execPath, [COMMAND, ...args, '--out', out, '--json', json], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  const written = existsSync(json);
  const report: LoadReport | undefined = written ? JSON.parse(readFileSync(json, 'utf8')) : undefined;
  const page = written ? readFileSync(join(out, 'report.html'), 'utf8') : '';
  rmSync(out, { recursive: true });
  return { code: child.exitCode, stdout, stderr, report, page };
}
