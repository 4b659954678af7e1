/** How figures are written in reports and messages. */

/** A share as a percentage with one decimal; two below 1%. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.01 ? 2 : 1)}%`;
}

/** A metric with four decimals. */
export function decimal(value: number): string {
  return value.toFixed(4);
}

/** A count with separated thousands. */
export function whole(value: number): string {
  return value.toLocaleString('en-US');
}
