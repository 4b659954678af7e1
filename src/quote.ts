/** Values from outside, lists and counts, as messages say them. */

const MAX_LENGTH = 64;

/** A value as JSON on one line, cut where it is long; `missing` where there is none. */
export function quote(value: unknown, maxLength = MAX_LENGTH): string {
  if (value === undefined) return 'missing';
  if (typeof value === 'string') return JSON.stringify(cut(value, maxLength));
  return cut(JSON.stringify(value), maxLength);
}

/** A count with separated thousands: `1,234`. */
export function grouped(count: number): string {
  return count.toLocaleString('en-US');
}

/** `a`, `a and b`, `a, b and c`. */
export function inWords(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

function cut(text: string, maxLength: number): string {
  return text.length > maxLength ? `${text.slice(0, maxLength)}…` : text;
}
