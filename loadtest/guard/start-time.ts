/** From the start of the process to readiness with the demo model, on this commit and on another. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Checkout, startCheckout } from '../servers/process.js';
import type { Effort, Progress } from '../sections/run.js';
import type { Pair } from './paired.js';

export const STARTS = { full: 15, quick: 5 } as const;
export const DEMO_MODEL = { folder: 'models', version: 'v1.0.0' } as const;
/** In the log line that tells how many rows the self-check has held against what. */
const NATIVE_ROWS = /"native":[1-9]/;

export interface Starts {
  /** Milliseconds. */
  readonly pairs: readonly Pair[];
  /** Whether native LightGBM took part in the self-check. */
  readonly withNative: { readonly own: boolean; readonly other: boolean };
}

/** Alternating starts, each commit with the demo model of its own checkout. The first of each is not counted. */
export async function measureStarts(
  own: Checkout,
  other: Checkout,
  effort: Effort,
  progress: Progress,
): Promise<Starts> {
  const count = STARTS[effort.quick ? 'quick' : 'full'];
  progress(`cost: ${count} starts of each`);
  const withNative = { own: (await startOnce(own)).withNative, other: (await startOnce(other)).withNative };
  const pairs: Pair[] = [];
  for (let pair = 0; pair < count; pair++) {
    const order = pair % 2 === 0 ? [own, other] : [other, own];
    const [first, second] = [await startOnce(order[0]), await startOnce(order[1])];
    pairs.push(pair % 2 === 0 ? { own: first.ms, other: second.ms } : { own: second.ms, other: first.ms });
  }
  return { pairs, withNative };
}

async function startOnce(checkout: Checkout): Promise<{ readonly ms: number; readonly withNative: boolean }> {
  const models = join(checkout.folder, DEMO_MODEL.folder);
  if (!existsSync(join(models, DEMO_MODEL.version)))
    throw new Error(`${checkout.name} has no ${DEMO_MODEL.folder}/${DEMO_MODEL.version}`);
  const server = await startCheckout(checkout, { MODEL_DIR: models, MODEL_VERSION: DEMO_MODEL.version });
  try {
    // That it says so must mean that it is.
    const { status } = await fetch(`${server.origin}/readyz`);
    if (status !== 200) throw new Error(`${checkout.name} says that it is ready, but /readyz answers ${status}`);
    return { ms: server.readyMs, withNative: NATIVE_ROWS.test(server.log()) };
  } finally {
    await server.stop();
  }
}
