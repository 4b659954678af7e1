/** How much a section measures, and how it reports progress. */
export interface Effort {
  /** Alternating rounds over all rivals; figures are medians of them. */
  readonly rounds: number;
  /** Length of one measurement. */
  readonly seconds: number;
  readonly warmupSeconds: number;
  /** Measures fewer sizes and smaller models. */
  readonly quick: boolean;
}

export const EFFORT = {
  full: { rounds: 5, seconds: 4, warmupSeconds: 1, quick: false },
  quick: { rounds: 3, seconds: 1.5, warmupSeconds: 0.5, quick: true },
} as const satisfies Record<string, Effort>;

export type Progress = (line: string) => void;
