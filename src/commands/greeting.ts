/** What a ready server says on a terminal: three lines for whoever started it. */
import type { ModelCard } from '../scoring/model-card.js';
import { VERSION } from '../version.js';

/** A row of more features does not fit a command line to copy. */
const MAX_EXAMPLE_FEATURES = 40;

export interface GreetingParts {
  readonly url: string;
  readonly card: ModelCard;
  /** Scoring asks for a key. */
  readonly needsKey: boolean;
  /** The process that takes signals. */
  readonly pid: number;
}

export function greeting({ url, card, needsKey, pid }: GreetingParts): string {
  const { modelVersion, trees, featureNames, exampleRow } = card;
  const key = needsKey ? ` -H 'X-API-Key: YOUR_KEY'` : '';
  const body =
    exampleRow.length <= MAX_EXAMPLE_FEATURES
      ? JSON.stringify({ features: exampleRow })
      : `{"features": [${exampleRow.length} numbers]}`;
  const size = `${trees} trees, ${featureNames.length} features`;
  return [
    `Lightscore ${VERSION} serves model ${modelVersion} (${size}) on ${url}, process ${pid}`,
    `Try:     curl -s ${url}/score -H 'Content-Type: application/json'${key} -d '${body}'`,
    `Docs:    ${url}/docs     Reload: kill -HUP ${pid}     Stop: Ctrl+C`,
    '',
  ].join('\n');
}
