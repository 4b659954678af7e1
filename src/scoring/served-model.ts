/** A model that is ready to score: its image in shared memory, the kernel chosen for it, its lanes. */
import { LightscoreError } from '../errors.js';
import { invariant } from '../invariant.js';
import type { LaneShape } from '../model/image.js';
import type { Strategy } from '../model/strategies.js';
import { AnswerText } from './answer-text.js';
import { type Lane, type LaneKind, createLane, planLane } from './lane.js';
import type { Regions } from './memory.js';
import type { ModelCard } from './model-card.js';

/** Most rows and bytes of one lane. An explained row costs hundreds of times a scored one. */
export const LANE_LIMITS = { rows: { score: 256, explain: 16 }, bytes: 1 << 20, kept: 64 } as const;

/** A model whose image is in shared memory. */
export interface CompiledModel {
  readonly card: ModelCard;
  readonly strategy: Strategy;
  readonly shape: LaneShape;
  /** Address of the image. */
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
  /** Batches under way, and other threads that hold it: the image must stay in place until it is 0. */
  #batches = 0;
  #retired = false;
  #whenFreed: (() => void) | undefined;
  readonly #kept: Record<LaneKind, Lane[]> = { score: [], explain: [] };
  readonly #capacity: Record<LaneKind, number>;
  readonly #bytes: Record<LaneKind, number>;
  readonly #answerText: AnswerText;
  /** Address of the text of its answers. */
  readonly text: number;

  /**
   * @param compiled its image in `memory`, which this object frees in the end
   * @param lent another thread's model of the same image: the text of its answers, which stays there like the image, and
   * most idle lanes to keep of a kind
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

  /** No new batch may begin with it. */
  get retired(): boolean {
    return this.#retired;
  }

  get explainable(): boolean {
    return this.#capacity.explain > 0;
  }

  /** Most bytes of a prediction's log line, but for what begins and ends it. */
  get lineBytes(): number {
    return this.#answerText.lineBytes;
  }

  #answerBytes(kind: LaneKind): number {
    return kind === 'score' ? this.#answerText.answerBytes : 0;
  }

  /** Bytes of one lane. */
  laneBytes(kind: LaneKind): number {
    return this.#bytes[kind];
  }

  /**
   * A lane for one batch, with an unknown past; undefined where the shared memory is full. Give it back with
   * `releaseLane`.
   */
  takeLane(kind: LaneKind): Lane | undefined {
    invariant(!this.#isUnused, 'a lane is taken of a model whose memory was given back');
    const lane = this.#kept[kind].pop() ?? this.#createLane(kind);
    if (lane === undefined) return undefined;
    lane.take(this);
    this.#batches++;
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
    lane.giveBack(this);
    this.#batches--;
    const kept = this.#kept[lane.plan.kind];
    if (this.#retired || kept.length >= (this.#lent?.keptLanes ?? LANE_LIMITS.kept)) this.#memory.free(lane.address);
    else kept.push(lane);
    this.#freeWhenUnused();
  }

  /** Another thread may score with it too: the image stays in place until that thread's `letGo`. */
  hold(): void {
    invariant(!this.#isUnused, 'a model is held whose memory was given back');
    this.#batches++;
  }

  letGo(): void {
    invariant(this.#batches > 0, 'a model is let go that nobody holds');
    this.#batches--;
    this.#freeWhenUnused();
  }

  /** Bytes of shared memory: the image, the text of answers, and the lanes kept for the next batches. */
  get memoryBytes(): number {
    const lanes = [...this.#kept.score, ...this.#kept.explain];
    return lanes.reduce((sum, lane) => sum + lane.plan.bytes, this.imageBytes + this.#answerText.bytes);
  }

  /**
   * No new batch will come: gives the memory back once the last one under way has returned.
   * @param whenFreed called then; at once where nothing is under way
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

  /** Nothing is under way, and nothing will be: the image is not in place any more. */
  get #isUnused(): boolean {
    return this.#retired && this.#batches === 0;
  }

  #freeWhenUnused(): void {
    if (!this.#isUnused) return;
    this.#memory.free(this.image);
    if (this.#lent === undefined) this.#memory.free(this.text);
    this.#whenFreed?.();
  }
}
