/** LightGBM's parameters in the form that its C API takes. */
import { LightscoreError } from '../errors.js';

export type ParameterValue = string | number | boolean | readonly (string | number)[];

/** LightGBM's parameters by name; arrays become comma-separated lists. */
export type Parameters = Readonly<Record<string, ParameterValue>>;

/**
 * Writes parameters as `key=value key=value`.
 * @throws LightscoreError USAGE for a name or value with a space in it: LightGBM would read it as two parameters
 */
export function parameterString(parameters: Parameters): string {
  return Object.entries(parameters)
    .map(([name, value]) => {
      const text = typeof value === 'object' ? value.join(',') : String(value);
      if (/\s/.test(name + text) || name === '' || name.includes('=')) {
        throw new LightscoreError(
          'USAGE',
          `LightGBM parameter ${JSON.stringify(name)}: its name and value must not contain spaces, nor its name "="`,
        );
      }
      return `${name}=${text}`;
    })
    .join(' ');
}
