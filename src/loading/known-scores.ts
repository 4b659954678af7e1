/** Scores with which the self-check compares those of the kernel. */

/** Rows and their raw scores by another scorer. */
export interface KnownScores {
  /** The name of that scorer, for messages. */
  readonly by: string;
  /** [count][features] */
  readonly rows: Float64Array;
  /** [count] */
  readonly raw: ArrayLike<number>;
  readonly count: number;
}
