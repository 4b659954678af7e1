/** The two sides of the channel between the main thread and an acceptor's, and what travels over it. */
import type { Config } from '../config/config.js';
import type { AdminAnswer, AdminCall } from '../registry/administration.js';
import type { Experiment, Serving } from '../registry/serving.js';
import type { CompiledModel, ServedModel } from '../scoring/served-model.js';
import type { RequestCounts } from '../telemetry/metrics.js';
import type { LeaseEnd } from './leased-memory.js';
import type { LimitCells } from './limits.js';

/** What another thread needs to score with a model: where its image is. */
export interface PublishedModel extends CompiledModel {
  /** Address of the text of its answers. */
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
    /** Fails with CONFIG_INVALID where the port cannot be had. */
    readonly listen: (port: number) => void;
    /** Answered when every later request is answered by it. */
    readonly serve: (serving: PublishedServing) => void;
    readonly startDraining: (_: undefined) => void;
    /** Answered when every request under way has its answer, and what they logged is on its way here. */
    readonly drain: (_: undefined) => void;
    readonly counts: (_: undefined) => AcceptorCounts;
  };
  readonly notifications: {
    /** Closes every connection; the thread ends. */
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
    readonly adminRefused: { readonly method: string; readonly path: string; readonly address: string };
    readonly error: { readonly fields: Readonly<Record<string, unknown>>; readonly message: string };
    /** Whole lines of the prediction log. */
    readonly lines: { readonly lines: string; readonly count: number };
    /** An exception that nobody caught: the thread has closed its connections, and ends. */
    readonly failed: { readonly error: Error; readonly counts: AcceptorCounts };
  };
}

/** What an acceptor's thread starts with. */
export interface AcceptorWorkerData {
  readonly config: Config;
  /** From 0. */
  readonly acceptor: number;
  /** Scoring threads of its own. */
  readonly workers: number;
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly cells: LimitCells;
  readonly lease: LeaseEnd;
  /** Share of the predictions that are logged; 0 also where the log's level leaves them out. */
  readonly predictionSample: number;
}
