/**
 * The categories of a data frame. LightGBM's Python package writes them behind the model, a list for each column of
 * type category, and trains on a category's place in its list.
 */
import { refuse } from './model-text-error.js';
import type { TextLines } from './text-lines.js';

export type Category = string | number | boolean;

const PREFIX = 'pandas_categorical:';

/**
 * By feature, its categories in the order of their codes; features without have none. Undefined where the model has no
 * such line, or where it does not say which features its lists belong to.
 */
export type PandasCategories = ReadonlyMap<number, readonly Category[]> | undefined;

/** Reads to the end of the text. */
export function readPandasCategories(lines: TextLines, header: ReadonlyMap<string, string>): PandasCategories {
  let text: string | undefined;
  for (; lines.line !== undefined; lines.next()) {
    if (lines.line.startsWith(PREFIX)) text = lines.line.slice(PREFIX.length);
  }
  const lists = text === undefined ? null : parseLists(text);
  if (lists === null) return undefined;
  const features = categoricalFeatures(header);
  // A data frame may have other columns that were named as categorical, and are none of pandas'.
  if (features.length !== lists.length) return undefined;
  return new Map(features.map((feature, i) => [feature, lists[i]]));
}

function parseLists(text: string): readonly (readonly Category[])[] | null {
  let lists: unknown;
  try {
    // Python writes NaN, which is no category that a value could be.
    lists = JSON.parse(text.replaceAll(/\bNaN\b/g, 'null'));
  } catch {
    return refuse(`${PREFIX} is not JSON`);
  }
  if (lists === null) return null;
  if (!Array.isArray(lists) || !lists.every((list) => Array.isArray(list))) return refuse(`${PREFIX} holds no lists`);
  return lists as Category[][];
}

/** Numerical features have a range in feature_infos, [least:most]; categorical ones a list, 0:1:2; unused ones none. */
function categoricalFeatures(header: ReadonlyMap<string, string>): number[] {
  const infos = (header.get('feature_infos') ?? '').split(' ').filter((info) => info !== '');
  return infos.flatMap((info, feature) => (info.startsWith('[') || info === 'none' ? [] : [feature]));
}
