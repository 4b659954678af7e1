/**
 * The constant parts of a model's answers and log lines, prepared once: in shared memory for the kernel, as strings for
 * the host.
 */
import * as L from '../../workers/kernel/layout.js';
import type { ModelCard } from './model-card.js';

export interface AnswerPieces {
  /** The text up to the score. */
  readonly head: string;
  /** The text from the score to the first feature. */
  readonly features: string;
  /** For each feature, the text up to its value, and from there to its contribution. */
  readonly beforeValue: readonly string[];
  readonly afterValue: readonly string[];
  /** The text from the last feature to the milliseconds. */
  readonly versions: string;
  /** The text from the milliseconds to the request id. */
  readonly id: string;
  /** The parts of a log line: from the request id to the score, to the milliseconds, to the common end of a batch. */
  readonly logScore: string;
  readonly logTime: string;
  readonly logVersion: string;
}

export function answerPieces({ featureNames, importance, modelVersion, calibrationVersion }: ModelCard): AnswerPieces {
  const version = `"model_version":${JSON.stringify(modelVersion)}`;
  return {
    head: '{"confidence_score":',
    features: ',"top_features":[',
    beforeValue: featureNames.map((name) => `{"feature_name":${JSON.stringify(name)},"feature_value":`),
    afterValue: importance.map((value) => `,"importance":${value},"contribution":`),
    versions: `],${version},"calibration_version":${JSON.stringify(calibrationVersion)},"inference_time_ms":`,
    id: ',"request_id":',
    logScore: ',"confidence_score":',
    logTime: ',"inference_time_ms":',
    logVersion: `,${version}`,
  };
}

/** Number of pieces in the header. */
const FIXED_PIECES = 7;

/** The pieces as the kernel reads them; `workers/kernel/layout.ts` documents the layout. */
export class AnswerText {
  readonly #pieces: readonly Buffer[];
  /** Size in shared memory. */
  readonly bytes: number;
  /** Bytes from one answer to the next in a lane. */
  readonly answerBytes: number;
  /** Maximum size of a log line without its beginning and end. */
  readonly lineBytes: number;

  constructor(card: ModelCard) {
    const pieces = answerPieces(card);
    const { head, features, versions, id, logScore, logTime, logVersion } = pieces;
    // The pieces are in the order of the header's fields.
    const fixed = [head, features, versions, id, logScore, logTime, logVersion].map((piece) => Buffer.from(piece));
    const before = pieces.beforeValue.map((piece) => Buffer.from(piece));
    const after = pieces.afterValue.map((piece) => Buffer.from(piece));
    this.#pieces = [...fixed, ...before.flatMap((piece, f) => [piece, after[f]])];
    this.bytes =
      L.TEXT_HEADER_BYTES +
      L.TEXT_FEATURE_BYTES * before.length +
      this.#pieces.reduce((sum, piece) => sum + piece.length, 0) +
      L.COPY_BYTES;
    const featureBytes = before
      .map((piece, f) => piece.length + after[f].length + 2 * L.NUMBER_BYTES + 2)
      .toSorted((a, b) => b - a);
    const rankedBytes = featureBytes.slice(0, L.RANKED).reduce((a, b) => a + b, 0);
    const [headBytes, topBytes, versionsBytes, idBytes, logScoreBytes, logTimeBytes, logVersionBytes] = fixed.map(
      (piece) => piece.length,
    );
    const maxBytes =
      L.ANSWER_HEADER_BYTES +
      headBytes +
      L.NUMBER_BYTES +
      topBytes +
      rankedBytes +
      versionsBytes +
      L.NUMBER_BYTES +
      idBytes +
      L.ID_BYTES +
      L.COPY_BYTES;
    this.answerBytes = Math.ceil(maxBytes / L.COPY_BYTES) * L.COPY_BYTES;
    this.lineBytes =
      L.ID_BYTES + logScoreBytes + L.NUMBER_BYTES + logTimeBytes + L.NUMBER_BYTES + logVersionBytes + L.COPY_BYTES;
  }

  /** @param address of a region of `bytes` */
  write({ buffer }: WebAssembly.Memory, address: number): void {
    const header = new Int32Array(buffer, address, L.TEXT_HEADER_BYTES / 4 + 2 * (this.#pieces.length - FIXED_PIECES));
    const text = new Uint8Array(buffer, address, this.bytes);
    let at = 4 * header.length;
    for (const [i, piece] of this.#pieces.entries()) {
      const field = i < FIXED_PIECES ? 2 * i : L.TEXT_HEADER_BYTES / 4 + 2 * (i - FIXED_PIECES);
      header[field] = at;
      header[field + 1] = piece.length;
      text.set(piece, at);
      at += piece.length;
    }
  }
}
