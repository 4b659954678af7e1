/** A share as a percentage with one decimal, below 1% two. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.01 ? 2 : 1)}%`;
}

/** A metric, to four decimals. */
export function decimal(value: number): string {
  return value.toFixed(4);
}

/** A count with its thousands set apart. */
export function whole(value: number): string {
  return value.toLocaleString('en-US');
}
