/** The scores that a new image is compared with. */

/** Rows and the raw scores that another scorer gives them. */
export interface KnownScores {
  /** The other scorer, for messages. */
  readonly by: string;
  /** [count][features] */
  readonly rows: Float64Array;
  /** [count] */
  readonly raw: ArrayLike<number>;
  readonly count: number;
}
