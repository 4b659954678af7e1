/** The effort of a benchmark run, and how its sections report progress. */
export interface Effort {
  /** Number of alternating rounds over all servers; figures are medians over them. */
  readonly rounds: number;
  /** Length of one measurement. */
  readonly seconds: number;
  readonly warmupSeconds: number;
  /** Whether to measure fewer sizes and smaller models. */
  readonly quick: boolean;
}

export const EFFORT = {
  full: { rounds: 5, seconds: 4, warmupSeconds: 1, quick: false },
  quick: { rounds: 3, seconds: 1.5, warmupSeconds: 0.5, quick: true },
} as const satisfies Record<string, Effort>;

export type Progress = (line: string) => void;
