/** Reads `self_check.json`: rows, and the raw scores that the trainer's own LightGBM gives them. */
import { parseJsonObject } from '../artifact/json.js';
import { ArtifactError } from '../errors.js';
import type { KnownScores } from './known-scores.js';

const MAX_ROWS = 100_000;

/**
 * Reads `{feature_names, rows, raw_score}`, where a cell is a number, null for a missing value, "inf" or "-inf".
 * @param featureNames the model's; if the file has `feature_names`, they must be the same in the same order
 * @throws ArtifactError naming `file` and the reason
 */
export function readSelfCheck(bytes: Uint8Array, file: string, featureNames: readonly string[]): KnownScores {
  const { value } = parseJsonObject(bytes, file);
  const names = value['feature_names'];
  if (
    names !== undefined &&
    !(
      Array.isArray(names) &&
      names.length === featureNames.length &&
      names.every((name, i) => name === featureNames[i])
    )
  ) {
    throw new ArtifactError(file, 'feature_names differ from those of the model');
  }
  const rows: unknown = value['rows'];
  const raw: unknown = value['raw_score'];
  if (!Array.isArray(rows) || !Array.isArray(raw) || rows.length !== raw.length)
    throw new ArtifactError(file, 'rows and raw_score must be lists of the same length');
  if (rows.length === 0 || rows.length > MAX_ROWS)
    throw new ArtifactError(file, `has ${rows.length} rows; expected 1 to ${MAX_ROWS}`);
  const width = featureNames.length;
  const values = new Float64Array(rows.length * width);
  rows.forEach((row: unknown, r) => {
    if (!Array.isArray(row) || row.length !== width)
      throw new ArtifactError(file, `rows[${r}] is not a list of ${width} values`);
    row.forEach((cell: unknown, f) => {
      const number = cell === null ? NaN : cell === 'inf' ? Infinity : cell === '-inf' ? -Infinity : cell;
      if (typeof number !== 'number')
        throw new ArtifactError(file, `rows[${r}][${f}] is not a number, null, "inf" or "-inf"`);
      values[r * width + f] = number;
    });
  });
  const scores = raw.map((score: unknown, r) => {
    if (typeof score !== 'number') throw new ArtifactError(file, `raw_score[${r}] is not a number`);
    return score;
  });
  const { lightgbm_version: version } = value;
  return {
    by: `the trainer's LightGBM${typeof version === 'string' ? ` ${version.slice(0, 32)}` : ''} (self_check.json)`,
    rows: values,
    raw: scores,
    count: rows.length,
  };
}
