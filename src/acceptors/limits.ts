/** What all acceptors together may take: rows that wait, bytes of lanes and of bodies, requests a second. */
import type { Config } from '../config/config.js';
import { MAX_PARTIAL_BYTES } from '../http/body.js';
import { RateLimiter } from '../access/rate-limiter.js';
import { MOST_LANE_BYTES } from '../scoring/batcher.js';
import { OwnQuota, type Quota, SharedQuota } from '../scoring/quota.js';
import { MOST_WAITING_BYTES } from '../telemetry/log.js';

export interface Limits {
  readonly rows: Quota;
  readonly laneBytes: Quota;
  /** Of bodies that are not whole yet. */
  readonly partialBytes: Quota;
  readonly rate: RateLimiter | undefined;
}

export function ownLimits({ access, scoring }: Config): Limits {
  return {
    rows: new OwnQuota(scoring.queueRows),
    laneBytes: new OwnQuota(MOST_LANE_BYTES),
    partialBytes: new OwnQuota(MAX_PARTIAL_BYTES),
    rate: access.rateLimit > 0 ? new RateLimiter(RateLimiter.table(), access.rateLimit) : undefined,
  };
}

/** The shared memory in which acceptors of several threads count. */
export interface LimitCells {
  readonly rows: Int32Array;
  readonly laneBytes: Int32Array;
  readonly partialBytes: Int32Array;
  /** Prediction events on their way to the thread that writes them, in characters. */
  readonly lineCharacters: Int32Array;
  readonly rate: BigUint64Array | undefined;
}

export function limitCells({ http, access }: Config): LimitCells {
  const cells = (): Int32Array => SharedQuota.cells(http.acceptors);
  return {
    rows: cells(),
    laneBytes: cells(),
    partialBytes: cells(),
    lineCharacters: cells(),
    rate: access.rateLimit > 0 ? RateLimiter.table() : undefined,
  };
}

export interface SharedLimits extends Limits {
  readonly lineCharacters: SharedQuota;
  /** The acceptor has ended: gives back what it had taken. */
  giveAll(): void;
}

/** @param acceptor from 0 */
export function sharedLimits({ access, scoring }: Config, cells: LimitCells, acceptor: number): SharedLimits {
  const quotas = {
    rows: new SharedQuota(cells.rows, scoring.queueRows, acceptor),
    laneBytes: new SharedQuota(cells.laneBytes, MOST_LANE_BYTES, acceptor),
    partialBytes: new SharedQuota(cells.partialBytes, MAX_PARTIAL_BYTES, acceptor),
    lineCharacters: new SharedQuota(cells.lineCharacters, MOST_WAITING_BYTES, acceptor),
  };
  return {
    ...quotas,
    rate: cells.rate === undefined ? undefined : new RateLimiter(cells.rate, access.rateLimit),
    giveAll: () => {
      for (const quota of Object.values(quotas)) quota.giveAll();
    },
  };
}
