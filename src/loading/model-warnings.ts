/** What is suspicious about a model, though it can be served. */
import type { Booster } from '../model/booster.js';
import { quote } from '../quote.js';

const MAX_LISTED = 5;

/** @returns sentences about the model, without the name of its file */
export function boosterWarnings(booster: Booster): string[] {
  return [...infiniteLeaves(booster), ...dataFrameCategories(booster)];
}

/** Requests carry codes, and only whoever has the data frame knows them. */
function dataFrameCategories({ pandasCategories, featureNames }: Booster): string[] {
  const features = [...(pandasCategories ?? [])].map(([feature]) => quote(featureNames[feature]));
  if (features.length === 0) return [];
  const list = features.slice(0, MAX_LISTED).join(', ');
  const rest = features.length > MAX_LISTED ? ` and ${features.length - MAX_LISTED} more` : '';
  return [
    `the data frame that the model was trained on had categories in ${list}${rest}: requests carry their codes, ` +
      'which `lightscore inspect` lists',
  ];
}

function infiniteLeaves({ trees, outputs }: Booster): string[] {
  const infinite = trees.findIndex(({ leafValue }) => !leafValue.every((value) => Number.isFinite(value)));
  if (infinite < 0) return [];
  const where = outputs === 1 ? `tree ${infinite}` : `tree ${infinite} (class ${infinite % outputs})`;
  return [
    `${where} has a leaf whose value is not a finite number, as a training that diverged leaves them: rows that ` +
      'reach it are refused, and the model has no SHAP values',
  ];
}
