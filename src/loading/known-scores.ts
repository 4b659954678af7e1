/** Scores that an image is held against. */

/** Rows and what somebody else made of them. */
export interface KnownScores {
  /** For messages: whose scores they are. */
  readonly by: string;
  /** [count][features] */
  readonly rows: Float64Array;
  /** [count] */
  readonly raw: ArrayLike<number>;
  readonly count: number;
}
