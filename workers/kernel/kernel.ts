/**
 * The exports of the kernel. The scoring functions take the addresses of an image and a lane, and the rows first..end
 * of the lane. No function keeps state, so any thread may run any of them on the lanes that it owns.
 */
import { rawMask32, rawMask64 } from './mask';
import { calibrate, predict, rank } from './output';
import { rawWalk } from './walk';

export { appendLine, writeAnswers } from './answer';
export { explain } from './explain';
export { indexNames, putId, readBatch, readSingle } from './request';
export { rawMask32, rawMask64, rawWalk, predict, calibrate };

function finish(image: usize, lane: usize, first: i32, end: i32): void {
  predict(image, lane, first, end);
  calibrate(image, lane, first, end);
  rank(image, lane, first, end);
}

/** Everything that `/score` needs of a single-output model: raw score, prediction, calibrated score, ranking. */
export function scoreMask32(image: usize, lane: usize, first: i32, end: i32): void {
  rawMask32(image, lane, first, end);
  finish(image, lane, first, end);
}

export function scoreMask64(image: usize, lane: usize, first: i32, end: i32): void {
  rawMask64(image, lane, first, end);
  finish(image, lane, first, end);
}

export function scoreWalk(image: usize, lane: usize, first: i32, end: i32): void {
  rawWalk(image, lane, first, end);
  finish(image, lane, first, end);
}
