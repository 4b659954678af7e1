/** Section of the image: transform, split importance and calibrator, which turn raw scores into answers. */
import * as L from '../../../workers/kernel/layout.js';
import type { Calibrator } from '../../artifact/calibrator.js';
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

export function scoreSection(plan: ImagePlan, booster: Booster, calibrator: Calibrator | undefined): WriteSection {
  const importance = plan.reserve(8 * booster.featureCount);
  const thresholds = calibrator?.type === 'isotonic' ? calibrator.x.length : 0;
  const x = plan.reserve(8 * thresholds);
  const y = plan.reserve(8 * thresholds);
  return (writer) => {
    const { i32, f64, f64s } = writer;
    i32(L.HEADER_FEATURES, booster.featureCount);
    i32(L.HEADER_OUTPUTS, booster.outputs);
    i32(L.HEADER_TREES_PER_OUTPUT, iterationCount(booster));
    i32(L.HEADER_TRANSFORM, TRANSFORM[booster.objective.transform]);
    f64(L.HEADER_SIGMOID, booster.objective.sigmoid);
    f64(L.HEADER_AVERAGE_DIVISOR, booster.averageOutput ? iterationCount(booster) : 1);
    i32(L.HEADER_IMPORTANCE, importance);
    f64s(importance, splitImportance(booster));
    if (calibrator === undefined) return;
    i32(L.HEADER_CALIBRATOR_RAW, calibrator.input === 'raw' ? 1 : 0);
    if (calibrator.type === 'sigmoid') {
      i32(L.HEADER_CALIBRATOR, L.CALIBRATOR_SIGMOID);
      f64(L.HEADER_CALIBRATOR_A, calibrator.a);
      f64(L.HEADER_CALIBRATOR_B, calibrator.b);
      return;
    }
    i32(L.HEADER_CALIBRATOR, calibrator.precision === 'float32' ? L.CALIBRATOR_ISOTONIC32 : L.CALIBRATOR_ISOTONIC64);
    i32(L.HEADER_CALIBRATOR_COUNT, thresholds);
    i32(L.HEADER_CALIBRATOR_X, x);
    i32(L.HEADER_CALIBRATOR_Y, y);
    f64s(x, calibrator.x);
    f64s(y, calibrator.y);
  };
}
