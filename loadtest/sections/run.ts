/** How much is measured, and where a section says how far it is. */
export interface Effort {
  /** Alternating rounds over all rivals; figures are medians of them. */
  readonly rounds: number;
  /** Of one measurement. */
  readonly seconds: number;
  readonly warmupSeconds: number;
  /** Fewer sizes, smaller models. */
  readonly quick: boolean;
}

export const EFFORT = {
  full: { rounds: 5, seconds: 4, warmupSeconds: 1, quick: false },
  quick: { rounds: 3, seconds: 1.5, warmupSeconds: 0.5, quick: true },
} as const satisfies Record<string, Effort>;

export type Progress = (line: string) => void;
