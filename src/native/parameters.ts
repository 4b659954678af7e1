/** LightGBM's parameters, in the form that its C API takes. */
import { LightscoreError } from '../errors.js';

export type ParameterValue = string | number | boolean | readonly (string | number)[];

/** LightGBM's parameters by name; arrays become comma-separated lists. */
export type Parameters = Readonly<Record<string, ParameterValue>>;

/**
 * Returns the `key=value key=value` form that the C API takes.
 * @throws LightscoreError USAGE for a name or value that contains whitespace, which LightGBM would read as two
 * parameters, and for a name that is empty or contains "="
 */
export function parameterString(parameters: Parameters): string {
  return Object.entries(parameters)
    .map(([name, value]) => {
      const text = typeof value === 'object' ? value.join(',') : String(value);
      if (/\s/.test(name + text) || name === '' || name.includes('=')) {
        throw new LightscoreError(
          'USAGE',
          `LightGBM parameter ${JSON.stringify(name)}: the name must not be empty or contain "=", ` +
            'and neither name nor value may contain whitespace',
        );
      }
      return `${name}=${text}`;
    })
    .join(' ');
}
