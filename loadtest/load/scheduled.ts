/** An open-loop load of several stages: what it sends, what the answers must be, and what it gives. */
import type { Endpoint } from './http-connections.js';
import type { LatencyHistogram } from './latency-histogram.js';
import type { Stage } from './schedule.js';
import type { Interval, RawInterval } from './timeline.js';

/** The answer of one version of a model: these texts of its body, in this order. */
export interface Expectation {
  readonly version: string;
  readonly begins: string;
  readonly contains: readonly string[];
  readonly ends: string;
}

export interface ScheduledRequest {
  /** Path and query. */
  readonly path: string;
  readonly body: string;
  /** The versions that may answer, the most likely first. */
  readonly answers: readonly Expectation[];
  /** Rows in the body, and so scores in the answer. */
  readonly rows: number;
}

export interface ScheduledPlan extends Endpoint {
  /** For the header Host. */
  readonly host: string;
  /** Sent with every request, besides Host, Content-Type and Content-Length. */
  readonly headers: Readonly<Record<string, string>>;
  /** Sent in turn. */
  readonly requests: readonly ScheduledRequest[];
  readonly connections: number;
  /** Sent before the stages, and not measured. */
  readonly warmup: Stage;
  readonly stages: readonly Stage[];
  readonly intervalSeconds: number;
}

/** Requests by what became of them. */
export type Counts = Readonly<Record<string, number>>;

export interface ScheduledResult<I = Interval, H = LatencyHistogram> {
  /**
   * Latencies count from the moment at which a request was due. Only a delay of the generator itself, which had a free
   * connection and sent later, is not counted; `ownDelays` has it.
   */
  readonly intervals: readonly I[];
  /** Right answers by the version that they name. */
  readonly versions: Counts;
  /** Answers with status 200 of versions that no expectation knows: their scores were not checked. */
  readonly unknownVersions: Counts;
  /** By reason. */
  readonly failures: Counts;
  /** The first answer that was wrong, for a message. */
  readonly firstFailure: string | undefined;
  /** By how much the generator itself was late, for every request that did not wait for a connection. */
  readonly ownDelays: H;
  /** Share of the time for which the generator's thread was busy. */
  readonly generatorBusy: number;
}

/** As the thread sends it. */
export type RawScheduledResult = ScheduledResult<RawInterval, Float64Array>;

const VERSION = /"model_version":\s*"((?:[^"\\]|\\.)*)"/;
const SCORE = '"confidence_score":';

/** What an answer is: right for a version, of a version that nobody knows the scores of, or wrong for a reason. */
export type Verdict =
  | { readonly kind: 'right' | 'unknown version'; readonly version: string }
  | { readonly kind: 'wrong'; readonly reason: string };

/**
 * @param answer with its head; one character is one byte, as in the texts that are expected
 */
export function judge(answer: string, { answers, rows }: ScheduledRequest): Verdict {
  if (!answer.startsWith('HTTP/1.1 200')) return { kind: 'wrong', reason: `status ${answer.slice(9, 12)}` };
  const body = answer.indexOf('\r\n\r\n') + 4;
  const right = answers.find((expectation) => matches(answer, body, expectation));
  if (right !== undefined) return { kind: 'right', version: right.version };
  const named = VERSION.exec(answer)?.[1];
  const version = named === undefined ? undefined : Buffer.from(named, 'latin1').toString();
  const known = version === undefined || answers.some((expectation) => expectation.version === version);
  if (!known && answer.slice(body).split(SCORE).length === rows + 1) return { kind: 'unknown version', version };
  return { kind: 'wrong', reason: 'wrong answer' };
}

function matches(answer: string, body: number, { begins, contains, ends }: Expectation): boolean {
  if (!answer.startsWith(begins, body) || !answer.endsWith(ends)) return false;
  let from = body + begins.length;
  for (const text of contains) {
    const at = answer.indexOf(text, from);
    if (at < 0) return false;
    from = at + text.length;
  }
  // More scores than rows are as wrong as too few.
  return !answer.includes(SCORE, from);
}
