/** The limits that all acceptors share: rows that wait, bytes of lanes and of bodies, requests a second. */
import type { Config } from '../config/config.js';
import { MAX_PARTIAL_BYTES } from '../http/body.js';
import { RateLimiter } from '../access/rate-limiter.js';
import { MAX_LANE_BYTES } from '../scoring/batcher.js';
import { OwnQuota, type Quota, SharedQuota } from '../scoring/quota.js';
import { MAX_WAITING_BYTES } from '../telemetry/log-destination.js';

export interface Limits {
  readonly rows: Quota;
  readonly laneBytes: Quota;
  /** Bytes of bodies that are not complete yet. */
  readonly partialBytes: Quota;
  /** Open connections (MAX_CONNECTIONS). */
  readonly connections: Quota;
  readonly rate: RateLimiter | undefined;
}

export function ownLimits({ access, http, scoring }: Config): Limits {
  return {
    rows: new OwnQuota(scoring.queueRows),
    laneBytes: new OwnQuota(MAX_LANE_BYTES),
    partialBytes: new OwnQuota(MAX_PARTIAL_BYTES),
    connections: new OwnQuota(http.maxConnections),
    rate: access.rateLimit > 0 ? new RateLimiter(RateLimiter.table(), access.rateLimit) : undefined,
  };
}

/** The shared cells in which acceptors on several threads count. */
export interface LimitCells {
  readonly rows: Int32Array;
  readonly laneBytes: Int32Array;
  readonly partialBytes: Int32Array;
  readonly connections: Int32Array;
  /** Characters of prediction events that are in transit to the thread that writes them. */
  readonly lineCharacters: Int32Array;
  readonly rate: BigUint64Array | undefined;
}

export function limitCells({ http, access }: Config): LimitCells {
  const cells = (): Int32Array => SharedQuota.cells(http.acceptors);
  return {
    rows: cells(),
    laneBytes: cells(),
    partialBytes: cells(),
    connections: cells(),
    lineCharacters: cells(),
    rate: access.rateLimit > 0 ? RateLimiter.table() : undefined,
  };
}

export interface SharedLimits extends Limits {
  readonly lineCharacters: SharedQuota;
  /** Gives back what the acceptor had taken; call when it has ended. */
  giveAll(): void;
}

/** @param acceptor index, from 0 */
export function sharedLimits({ access, http, scoring }: Config, cells: LimitCells, acceptor: number): SharedLimits {
  const quotas = {
    rows: new SharedQuota(cells.rows, { limit: scoring.queueRows, holder: acceptor }),
    laneBytes: new SharedQuota(cells.laneBytes, { limit: MAX_LANE_BYTES, holder: acceptor }),
    partialBytes: new SharedQuota(cells.partialBytes, { limit: MAX_PARTIAL_BYTES, holder: acceptor }),
    connections: new SharedQuota(cells.connections, { limit: http.maxConnections, holder: acceptor }),
    lineCharacters: new SharedQuota(cells.lineCharacters, { limit: MAX_WAITING_BYTES.prediction, holder: acceptor }),
  };
  return {
    ...quotas,
    rate: cells.rate === undefined ? undefined : new RateLimiter(cells.rate, access.rateLimit),
    giveAll: () => {
      for (const quota of Object.values(quotas)) quota.giveAll();
    },
  };
}
