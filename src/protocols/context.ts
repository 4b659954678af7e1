/** The parts of one acceptor that routes may use. */
import type { Config } from '../config/config.js';
import type { AccessGate } from '../http/access-gate.js';
import type { BodyReader } from '../http/body.js';
import type { Administrator } from '../registry/administration.js';
import type { Serving } from '../registry/serving.js';
import type { Batcher } from '../scoring/batcher.js';
import type { Regions } from '../scoring/memory.js';
import type { ScoringPool } from '../scoring/pool.js';
import type { ShadowQueue } from '../scoring/shadow.js';
import type { TurnClock } from '../scoring/turn-clock.js';
import type { PredictionLog } from '../telemetry/log.js';
import type { Metrics } from '../telemetry/metrics.js';

export interface RouteContext {
  readonly config: Config;
  readonly access: AccessGate;
  readonly bodies: BodyReader;
  readonly pool: ScoringPool<Regions>;
  readonly batcher: Batcher;
  readonly shadow: ShadowQueue;
  /** The models that answer now; undefined until the first one is loaded. */
  readonly serving: () => Serving | undefined;
  readonly isDraining: () => boolean;
  readonly administrator: Administrator;
  readonly metrics: Metrics;
  /** Returns the text of `/metrics`. */
  readonly scrape: () => Promise<string>;
  readonly predictions: PredictionLog;
  readonly clock: TurnClock;
}
