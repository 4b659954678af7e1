/** A model that is ready to score: its image in shared memory, its strategy, its lanes. */
import { LightscoreError } from '../errors.js';
import { invariant } from '../invariant.js';
import type { LaneShape } from '../model/image.js';
import type { Strategy } from '../model/strategies.js';
import { AnswerText } from './answer-text.js';
import { type Lane, type LaneKind, createLane, planLane } from './lane.js';
import type { Regions } from './memory.js';
import type { ModelCard } from './model-card.js';

/** Maximum rows and bytes of a lane, and idle lanes kept. An explained row costs hundreds of times a scored one. */
export const LANE_LIMITS = { rows: { score: 256, explain: 16 }, bytes: 1 << 20, kept: 64 } as const;

/** A model whose image is in shared memory. */
export interface CompiledModel {
  readonly card: ModelCard;
  readonly strategy: Strategy;
  readonly shape: LaneShape;
  /** The address of the image. */
  readonly image: number;
  readonly imageBytes: number;
}

export class ServedModel implements CompiledModel {
  readonly card: ModelCard;
  readonly strategy: Strategy;
  readonly shape: LaneShape;
  readonly image: number;
  readonly imageBytes: number;
  readonly #memory: Regions;
  readonly #lent: { readonly text: number; readonly keptLanes: number } | undefined;
  /** The number of lanes in use, plus holds of other threads: the image must stay in memory until this is 0. */
  #uses = 0;
  #retired = false;
  #whenFreed: (() => void) | undefined;
  readonly #kept: Record<LaneKind, Lane[]> = { score: [], explain: [] };
  readonly #capacity: Record<LaneKind, number>;
  readonly #bytes: Record<LaneKind, number>;
  readonly #answerText: AnswerText;
  /** The address of the text of its answers. */
  readonly text: number;

  /**
   * @param compiled a model whose image is in `memory`; this object frees it
   * @param lent if another thread's model shares the image: the address of that model's answer text, which this object
   * does not free, and the maximum number of idle lanes to keep of each kind
   */
  constructor(compiled: CompiledModel, memory: Regions, lent?: { readonly text: number; readonly keptLanes: number }) {
    const { card, shape } = compiled;
    this.card = card;
    this.strategy = compiled.strategy;
    this.shape = shape;
    this.image = compiled.image;
    this.imageBytes = compiled.imageBytes;
    this.#memory = memory;
    this.#lent = lent;
    this.#answerText = new AnswerText(card);
    this.text = lent?.text ?? memory.allocate(this.#answerText.bytes);
    if (lent === undefined) this.#answerText.write(memory.memory, this.text);
    const capacity = (kind: LaneKind): number =>
      Math.max(
        1,
        Math.min(
          LANE_LIMITS.rows[kind],
          Math.floor(LANE_LIMITS.bytes / planLane(shape, 1, kind, this.#answerBytes(kind)).bytes),
        ),
      );
    this.#capacity = { score: capacity('score'), explain: shape.explain === undefined ? 0 : capacity('explain') };
    const bytes = (kind: LaneKind): number =>
      planLane(shape, this.#capacity[kind], kind, this.#answerBytes(kind)).bytes;
    this.#bytes = { score: bytes('score'), explain: bytes('explain') };
  }

  /** No new batch may use this model. */
  get retired(): boolean {
    return this.#retired;
  }

  get explainable(): boolean {
    return this.#capacity.explain > 0;
  }

  /** Maximum size of a prediction's log line without its beginning and end. */
  get lineBytes(): number {
    return this.#answerText.lineBytes;
  }

  #answerBytes(kind: LaneKind): number {
    return kind === 'score' ? this.#answerText.answerBytes : 0;
  }

  /** Size of one lane in bytes. */
  laneBytes(kind: LaneKind): number {
    return this.#bytes[kind];
  }

  /**
   * Takes a lane for one batch; what a previous batch wrote is not cleared. Return it with `releaseLane`.
   * @returns undefined if the shared memory is full
   */
  takeLane(kind: LaneKind): Lane | undefined {
    invariant(!this.#isUnused, 'a lane is taken from a model whose memory was freed');
    const lane = this.#kept[kind].pop() ?? this.#createLane(kind);
    if (lane === undefined) return undefined;
    lane.take(this);
    this.#uses++;
    return lane;
  }

  #createLane(kind: LaneKind): Lane | undefined {
    try {
      return createLane(this.#memory, this.shape, this.#capacity[kind], kind, this.#answerBytes(kind));
    } catch (error) {
      if (error instanceof LightscoreError && error.code === 'MODEL_UNSUPPORTED') return undefined;
      throw error;
    }
  }

  releaseLane(lane: Lane): void {
    lane.release(this);
    this.#uses--;
    const kept = this.#kept[lane.plan.kind];
    if (this.#retired || kept.length >= (this.#lent?.keptLanes ?? LANE_LIMITS.kept)) this.#memory.free(lane.address);
    else kept.push(lane);
    this.#freeWhenUnused();
  }

  /** Keeps the image in memory for another thread that scores with it, until `release`. */
  hold(): void {
    invariant(!this.#isUnused, 'a model is held whose memory was freed');
    this.#uses++;
  }

  release(): void {
    invariant(this.#uses > 0, 'a model is released that nobody holds');
    this.#uses--;
    this.#freeWhenUnused();
  }

  /** Size in shared memory: the image, the text of answers, and the idle lanes kept for the next batches. */
  get memoryBytes(): number {
    const lanes = [...this.#kept.score, ...this.#kept.explain];
    return lanes.reduce((sum, lane) => sum + lane.plan.bytes, this.imageBytes + this.#answerText.bytes);
  }

  /**
   * Ends the use of this model: frees its memory as soon as the last lane in use is released.
   * @param whenFreed called after that; at once if no lane is in use
   */
  retire(whenFreed?: () => void): void {
    if (this.#retired) return;
    this.#retired = true;
    this.#whenFreed = whenFreed;
    for (const kind of ['score', 'explain'] as const) {
      for (const lane of this.#kept[kind].splice(0)) this.#memory.free(lane.address);
    }
    this.#freeWhenUnused();
  }

  /** No batch uses the model and none will: its image has been freed, or is about to be. */
  get #isUnused(): boolean {
    return this.#retired && this.#uses === 0;
  }

  #freeWhenUnused(): void {
    if (!this.#isUnused) return;
    this.#memory.free(this.image);
    if (this.#lent === undefined) this.#memory.free(this.text);
    this.#whenFreed?.();
  }
}
