/**
 * Writes the answers of `/score` as JSON, and the log lines of predictions. The acceptor completes an answer with the
 * milliseconds, which only it knows.
 */
import { writeNumber } from './decimal';
import {
  ANSWER_LENGTH,
  ANSWER_SCORE_END,
  ANSWER_HEADER_BYTES,
  ANSWER_TIME,
  HEADER_FEATURES,
  HEADER_IMPORTANCE,
  ID_BYTES,
  LANE_ANSWERS,
  LANE_ANSWER_BYTES,
  LANE_CALIBRATED,
  LANE_IDS,
  LANE_RANKING,
  LANE_RAW,
  LANE_ROWS,
  LINES_BEGIN,
  LINES_END,
  LINES_NEXT,
  RANKED,
  RANKING_BYTES,
  TEXT_FEATURES,
  TEXT_FEATURE_BYTES,
  TEXT_HEAD,
  TEXT_HEADER_BYTES,
  TEXT_ID,
  TEXT_LOG_SCORE,
  TEXT_LOG_TIME,
  TEXT_LOG_VERSION,
  TEXT_VERSIONS,
} from './layout';
import { product } from './output';
import { field } from './search';
import { copy, copyPiece } from './text';

const NULL: u32 = 0x6c6c756e; // "null"

/**
 * Writes the answers of the rows first..end of a scored lane that have a request id. An answer of length 0 is left to
 * the host.
 */
export function writeAnswers(image: usize, text: usize, lane: usize, first: i32, end: i32): void {
  const bytes = load<i32>(lane + LANE_ANSWER_BYTES);
  const answers = lane + load<u32>(lane + LANE_ANSWERS);
  const ids = lane + load<u32>(lane + LANE_IDS);
  for (let row = first; row < end; row++) {
    const answer = answers + usize(row * bytes);
    const id = ids + usize(row * ID_BYTES);
    const length = i32(load<u8>(id));
    store<i32>(answer, length === 0 ? 0 : writeAnswer(image, text, lane, row, answer, id + 1, length), ANSWER_LENGTH);
  }
}

/** @returns the length of the answer; 0 if it contains a number that the kernel cannot write */
function writeAnswer(image: usize, text: usize, lane: usize, row: i32, answer: usize, id: usize, idLength: i32): i32 {
  const start = answer + ANSWER_HEADER_BYTES;
  const features = field(image, HEADER_FEATURES);
  const importance = image + field(image, HEADER_IMPORTANCE);
  const values = lane + load<u32>(lane + LANE_ROWS) + (usize(row * features) << 3);
  const ranking = lane + load<u32>(lane + LANE_RANKING) + usize(row * RANKING_BYTES);
  const score = load<f64>(lane + load<u32>(lane + LANE_CALIBRATED) + (usize(row) << 3));
  const raw = load<f64>(lane + load<u32>(lane + LANE_RAW) + (usize(row) << 3));
  // JSON has neither NaN nor infinity; a calibrator makes an infinite raw score finite.
  if (!(abs(score) <= f64.MAX_VALUE && abs(raw) <= f64.MAX_VALUE)) return 0;
  let to = writeNumber(score, copyPiece(text, text + TEXT_HEAD, start));
  if (to === 0) return 0;
  store<i32>(answer, i32(to - start), ANSWER_SCORE_END);
  to = copyPiece(text, text + TEXT_FEATURES, to);
  for (let i = 0; i < RANKED; i++) {
    const feature = load<i32>(ranking + (usize(i) << 2));
    if (feature < 0) break;
    if (i > 0) store<u8>(to++, 44);
    const piece = text + TEXT_HEADER_BYTES + usize(feature * TEXT_FEATURE_BYTES);
    const value = load<f64>(values + (usize(feature) << 3));
    to = copyPiece(text, piece, to);
    if (value !== value) {
      store<u32>(to, NULL);
      to += 4;
    } else {
      to = writeNumber(value, to);
      if (to === 0) return 0;
    }
    to = writeNumber(product(value, load<f64>(importance + (usize(feature) << 3))), copyPiece(text, piece + 8, to));
    if (to === 0) return 0;
    store<u8>(to++, 125);
  }
  to = copyPiece(text, text + TEXT_VERSIONS, to);
  store<i32>(answer, i32(to - start), ANSWER_TIME);
  store<u8>(to++, 48);
  to = copy(id, idLength, copyPiece(text, text + TEXT_ID, to));
  store<u8>(to++, 125);
  return i32(to - start);
}

/** Appends the log line of a row that has an answer. The caller ensures that there is enough space for it. */
export function appendLine(lines: usize, text: usize, lane: usize, row: i32, milliseconds: f64): void {
  const answer = lane + load<u32>(lane + LANE_ANSWERS) + usize(row * load<i32>(lane + LANE_ANSWER_BYTES));
  const id = lane + load<u32>(lane + LANE_IDS) + usize(row * ID_BYTES);
  const score = load<i32>(text, TEXT_HEAD + 4);
  let to = copyPiece(0, lines + LINES_BEGIN, load<u32>(lines, LINES_NEXT));
  to = copy(id + 1, i32(load<u8>(id)), to);
  to = copyPiece(text, text + TEXT_LOG_SCORE, to);
  to = copy(answer + ANSWER_HEADER_BYTES + usize(score), load<i32>(answer, ANSWER_SCORE_END) - score, to);
  to = writeNumber(milliseconds, copyPiece(text, text + TEXT_LOG_TIME, to));
  to = copyPiece(text, text + TEXT_LOG_VERSION, to);
  store<i32>(lines, i32(copyPiece(0, lines + LINES_END, to)), LINES_NEXT);
}
