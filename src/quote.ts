/** Values from outside, as messages repeat them. */

const MAX_LENGTH = 64;

/** A value as JSON on one line, cut where it is long; `missing` where there is none. */
export function quote(value: unknown, maxLength = MAX_LENGTH): string {
  if (value === undefined) return 'missing';
  if (typeof value === 'string') return JSON.stringify(cut(value, maxLength));
  return cut(JSON.stringify(value), maxLength);
}

function cut(text: string, maxLength: number): string {
  return text.length > maxLength ? `${text.slice(0, maxLength)}…` : text;
}
