import { LightscoreError } from '../errors.js';

export type ParameterValue = string | number | boolean | readonly (string | number)[];

/** LightGBM's parameters by name; arrays become comma-separated lists. */
export type Parameters = Readonly<Record<string, ParameterValue>>;

/**
 * The `key=value key=value` form that the C API takes.
 * @throws LightscoreError USAGE for a name or value with a space in it: LightGBM would read it as two parameters
 */
export function parameterString(parameters: Parameters): string {
  return Object.entries(parameters)
    .map(([name, value]) => {
      const text = typeof value === 'object' ? value.join(',') : String(value);
      if (/\s/.test(name + text) || name === '' || name.includes('=')) {
        throw new LightscoreError(
          'USAGE',
          `LightGBM parameter ${JSON.stringify(name)}: names and values may hold no space and no "="`,
        );
      }
      return `${name}=${text}`;
    })
    .join(' ');
}
