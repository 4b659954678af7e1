/** The messages between the main thread and an acceptor's thread, and the data that they carry. */
import type { AccessKeys } from '../access/access-control.js';
import type { Config } from '../config/config.js';
import type { AdminAnswer, AdminCall, RefusedCall } from '../registry/administration.js';
import type { Experiment, Serving } from '../registry/serving.js';
import type { CompiledModel, ServedModel } from '../scoring/served-model.js';
import type { RequestCounts } from '../telemetry/metrics.js';
import type { LeaseEndpoint } from './leased-memory.js';
import type { LimitCells } from './limits.js';

/** What another thread needs to score with a model: addresses in the shared memory, and the card. */
export interface PublishedModel extends CompiledModel {
  /** Address of the constant text of its answers. */
  readonly text: number;
}

/** `Serving` as plain data. */
export interface PublishedServing {
  readonly champion: PublishedModel;
  readonly requestNames: readonly string[];
  readonly experiment: (Omit<Experiment, 'challenger'> & { readonly challenger: PublishedModel }) | undefined;
}

export function published({ champion, requestNames, experiment }: Serving): PublishedServing {
  const plain = ({ card, strategy, shape, image, imageBytes, text }: ServedModel): PublishedModel => ({
    card,
    strategy,
    shape,
    image,
    imageBytes,
    text,
  });
  return {
    champion: plain(champion),
    requestNames,
    experiment: experiment && { ...experiment, challenger: plain(experiment.challenger) },
  };
}

export interface AcceptorCounts {
  readonly requests: RequestCounts;
  readonly workers: number;
  readonly predictionLinesDropped: number;
  readonly busySeconds: number;
}

/** What the main thread sends to an acceptor's. */
export interface MainMessages {
  readonly requests: {
    /** Fails with CONFIG_INVALID if the port cannot be opened. */
    readonly listen: (port: number) => void;
    /** Responds when every new request is answered with `serving`. */
    readonly serve: (serving: PublishedServing) => void;
    readonly startDraining: (_: undefined) => void;
    /** Responds when every request in flight is answered and its prediction events have been sent. */
    readonly drain: (_: undefined) => void;
    readonly useKeys: (keys: AccessKeys) => void;
    readonly reloadTls: (_: undefined) => boolean;
    readonly counts: (_: undefined) => AcceptorCounts;
  };
  readonly notifications: {
    /** Closes every connection and ends the thread. */
    readonly close: undefined;
  };
}

/** What an acceptor's thread sends to the main thread. */
export interface AcceptorMessages {
  readonly requests: {
    readonly administer: (call: AdminCall) => AdminAnswer;
    readonly scrape: (_: undefined) => string;
  };
  readonly notifications: {
    readonly adminRefused: RefusedCall;
    readonly log: {
      readonly level: 'error' | 'warn' | 'info';
      readonly fields: Readonly<Record<string, unknown>>;
      readonly message: string;
    };
    /** Whole lines of the prediction log. */
    readonly lines: { readonly lines: string; readonly count: number };
    /** An uncaught exception occurred; the thread closes its connections and ends. */
    readonly failed: { readonly error: Error; readonly counts: AcceptorCounts };
  };
}

/** The data that an acceptor's thread starts with. */
export interface AcceptorWorkerData {
  readonly config: Config;
  /** Index, from 0. */
  readonly acceptor: number;
  /** How many scoring threads it starts. */
  readonly workers: number;
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly cells: LimitCells;
  readonly lease: LeaseEndpoint;
  /** Share of the predictions that are logged; 0 also if LOG_LEVEL excludes them. */
  readonly predictionSample: number;
}
