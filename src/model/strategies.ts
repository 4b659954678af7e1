/** The ways to evaluate the trees on a row. Every strategy gives the same bits. */
export const STRATEGIES = ['mask32', 'mask64', 'walk'] as const;
export type Strategy = (typeof STRATEGIES)[number];
