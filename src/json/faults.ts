/** What can be wrong with a JSON text, and what to write instead. */

/** The end of a sentence about a place in a text, by the fault there. */
export const FAULTS = {
  truncated: 'it ends too early',
  'text after the end': 'there is text after the end of the value',
  'trailing comma': 'a comma before a closing bracket; leave it out',
  'no comma': 'a comma or a closing bracket is missing',
  'no colon': 'a colon is missing after the name',
  'no value': 'a value is missing; write null where there is none',
  'unquoted name': 'names go in double quotes',
  'unquoted text': 'text goes in double quotes',
  'single quote': 'text goes in double quotes, not in single ones',
  parenthesis: 'lists go in square brackets',
  comment: 'JSON has no comments',
  number: 'this is not a number as JSON writes them, such as -0.5 or 1e-3',
  None: 'write null for None',
  undefined: 'write null for a missing value',
  True: 'write true for True',
  False: 'write false for False',
  'other NaN': 'write null for a missing number',
  NaN: 'JSON has no NaN; write null',
  'NaN elsewhere': 'NaN is a missing value among features only; write null, or leave the field out',
  infinity: 'JSON has no Infinity; write a finite number, or null for a missing value',
  'control character': 'a control character in a string; write it as an escape, such as \\n or \\u0001',
  escape: 'an unknown escape in a string; write \\\\ for a backslash',
  'null character': 'a null character; if the text is UTF-16 or UTF-32, send UTF-8',
  'white space': 'white space that JSON does not know; use spaces',
  'too deep': 'more than 1000 arrays or objects within one another',
} as const;

export type FaultKind = keyof typeof FAULTS;

/** Words of other languages that stand for a value. */
export const WORD_FAULTS: ReadonlyMap<string, FaultKind> = new Map<string, FaultKind>([
  ['None', 'None'],
  ['nil', 'undefined'],
  ['NULL', 'undefined'],
  ['Null', 'undefined'],
  ['undefined', 'undefined'],
  ['True', 'True'],
  ['TRUE', 'True'],
  ['False', 'False'],
  ['FALSE', 'False'],
  ['nan', 'other NaN'],
  ['NAN', 'other NaN'],
  ['-NaN', 'other NaN'],
  ['-nan', 'other NaN'],
  ['NA', 'other NaN'],
  ['inf', 'infinity'],
  ['-inf', 'infinity'],
  ['Inf', 'infinity'],
  ['-Inf', 'infinity'],
]);

/** A place in a text in words: its position from 0, and line and column from 1 where there are several lines. */
export function describePosition(text: string, position: number): string {
  const lastBreak = text.lastIndexOf('\n', position - 1);
  if (position === 0 || lastBreak < 0) return `position ${position}`;
  let line = 1;
  for (let at = text.indexOf('\n'); at >= 0 && at < position; at = text.indexOf('\n', at + 1)) line++;
  return `position ${position} (line ${line}, column ${position - lastBreak})`;
}
