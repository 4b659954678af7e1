/** Section of the image: transform, split importance and calibrator, which turn raw scores into answers. */
import * as L from '../../../workers/kernel/layout.js';
import type { IsotonicCalibrator } from '../../artifact/calibrator.js';
import { type Booster, iterationCount, splitImportance } from '../booster.js';
import type { ImagePlan, WriteSection } from './image-writer.js';

const TRANSFORM = {
  identity: L.TRANSFORM_IDENTITY,
  sigmoid: L.TRANSFORM_SIGMOID,
  softmax: L.TRANSFORM_SOFTMAX,
  exp: L.TRANSFORM_EXP,
  log1p_exp: L.TRANSFORM_LOG1P_EXP,
  signed_square: L.TRANSFORM_SIGNED_SQUARE,
} as const;

export function scoreSection(
  plan: ImagePlan,
  booster: Booster,
  calibrator: IsotonicCalibrator | undefined,
): WriteSection {
  const importance = plan.reserve(8 * booster.featureCount);
  const x = plan.reserve(8 * (calibrator?.x.length ?? 0));
  const y = plan.reserve(8 * (calibrator?.y.length ?? 0));
  return ({ i32, f64, f64s }) => {
    i32(L.HEADER_FEATURES, booster.featureCount);
    i32(L.HEADER_OUTPUTS, booster.outputs);
    i32(L.HEADER_TREES_PER_OUTPUT, iterationCount(booster));
    i32(L.HEADER_TRANSFORM, TRANSFORM[booster.objective.transform]);
    f64(L.HEADER_SIGMOID, booster.objective.sigmoid);
    f64(L.HEADER_AVERAGE_DIVISOR, booster.averageOutput ? iterationCount(booster) : 1);
    i32(L.HEADER_IMPORTANCE, importance);
    f64s(importance, splitImportance(booster));
    if (calibrator === undefined) return;
    i32(L.HEADER_CALIBRATOR_COUNT, calibrator.x.length);
    i32(L.HEADER_CALIBRATOR_X, x);
    i32(L.HEADER_CALIBRATOR_Y, y);
    i32(L.HEADER_CALIBRATOR_FLOAT32, calibrator.precision === 'float32' ? 1 : 0);
    f64s(x, calibrator.x);
    f64s(y, calibrator.y);
  };
}
