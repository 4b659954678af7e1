/** What carries out a run: the open-loop generator of this repository, or autocannon. Both give the same result. */
import { lookup } from 'node:dns/promises';
import { LoadGenerator } from '../load/load.js';
import { type Stage, totalSeconds } from '../load/schedule.js';
import type { ScheduledRequest, ScheduledResult } from '../load/scheduled.js';
import { DoesNotFit } from '../traffic/does-not-fit.js';

export interface Run {
  /** The server's: `http://127.0.0.1:8000`. */
  readonly origin: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly requests: readonly ScheduledRequest[];
  readonly connections: number;
  readonly stages: readonly Stage[];
  readonly intervalSeconds: number;
}

/** Before the first stage, at its rate: V8 compiles the server's code while it runs. */
const WARM_UP_SECONDS = 2;

/** The warm-up is no longer than the stages. */
export function warmUp(stages: readonly Stage[]): Stage {
  return { seconds: Math.min(WARM_UP_SECONDS, totalSeconds(stages)), rate: stages[0].rate };
}

/** @throws DoesNotFit where the generator cannot load this server from here */
export function checkOpenLoop(origin: string): void {
  const instead = 'take --tool autocannon, or k6 (loadtest/scenarios/k6.js)';
  if (process.platform !== 'linux') throw new DoesNotFit(`the open-loop generator needs Linux: ${instead}`);
  if (new URL(origin).protocol !== 'http:')
    throw new DoesNotFit(`the open-loop generator speaks plain HTTP, and ${origin} is not: ${instead}`);
}

export async function runOpenLoop({ origin, stages, ...run }: Run): Promise<ScheduledResult> {
  const { hostname, host, port } = new URL(origin);
  const { address } = await lookup(hostname, { family: 4 });
  const generator = new LoadGenerator();
  try {
    return await generator.schedule({
      ...run,
      stages,
      warmup: warmUp(stages),
      address,
      port: Number(port || 80),
      host,
    });
  } finally {
    await generator.close();
  }
}
