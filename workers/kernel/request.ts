/**
 * Reads the bodies of `/score` and `/score_batch` in the form that nearly all requests have: known fields, each once,
 * as many features as the model has, names as the model spells them, a short request id without escapes. Every other
 * body, valid or not, is left to the host, and only the host refuses requests. The kernel accepts nothing that
 * JSON.parse and the schema would refuse, and reads the same values as they do.
 */
import { readNumber } from './decimal';
import {
  ID_BYTES,
  LANE_IDS,
  MAX_ID_BYTES,
  READER_BITS,
  READER_COUNT,
  READER_END,
  READER_NAMES,
  READER_ORDER,
  READER_SLOTS,
  READER_VALUES,
  REQUEST_ID_BYTES,
} from './layout';
import { field } from './search';
import { copy, same } from './text';

// Keys as little-endian words.
const FEATURES: u64 = 0x7365727574616566; // "features"
const FEATURE_START: u64 = 0x5f65727574616566; // "feature_"
const NAMES: u32 = 0x656d616e; // "name"
const S_QUOTE: u16 = 0x2273; // `s"`
const REQUEST_START: u64 = 0x5f74736575716572; // "request_"
const ID: u16 = 0x6469; // "id"
const NULL: u32 = 0x6c6c756e; // "null"

const HAS_FEATURES = 1;
const HAS_NAMES = 2;
const HAS_ID = 4;

/** @inline */
function skip(at: usize): usize {
  let c = load<u8>(at);
  while (c <= 32 && (c === 32 || c === 10 || c === 13 || c === 9)) c = load<u8>(++at);
  return at;
}

/**
 * Hashes every byte: feature names often differ only in the middle.
 * @inline
 */
function hash(at: usize, length: i32, bits: i32): i32 {
  let state = u64(length);
  for (; length > 8; length -= 8, at += 8) state = rotl((state ^ load<u64>(at)) * 0x9e3779b97f4a7c15, 32);
  state = rotl((state ^ (load<u64>(at) << u64(64 - (length << 3)))) * 0x9e3779b97f4a7c15, 32);
  return i32((state * 0xd6e8feb86659fd93) >> u64(64 - bits));
}

/** Fills the reader's hash table from its names. */
export function indexNames(reader: usize): void {
  const count = field(reader, READER_COUNT);
  const bits = field(reader, READER_BITS);
  const names = reader + field(reader, READER_NAMES);
  const slots = reader + field(reader, READER_SLOTS);
  const last = (1 << bits) - 1;
  memory.fill(slots, 0, usize(4 << bits));
  for (let i = 0; i < count; i++) {
    const piece = names + (usize(i) << 3);
    let slot = hash(reader + load<u32>(piece), load<i32>(piece, 4), bits);
    while (load<i32>(slots + (usize(slot) << 2)) !== 0) slot = (slot + 1) & last;
    store<i32>(slots + (usize(slot) << 2), i + 1);
  }
}

/**
 * Reads the body of `/score`.
 * @param at the text; a 0 byte must end it, and 2 * COPY_BYTES must be readable from there
 * @param row receives the features, NaN for null
 * @param id receives the address and the length of the request id
 * @returns 1; 0 if the host must read the body
 */
export function readSingle(reader: usize, at: usize, row: usize, id: usize): i32 {
  at = readRequest(reader, at, row, id);
  store<i32>(reader, i32(at), READER_END);
  return i32(at !== 0);
}

/**
 * Reads the body of `/score_batch`.
 * @param most the maximum number of rows
 * @returns the number of requests; 0 if the host must read the body
 */
export function readBatch(reader: usize, at: usize, rows: usize, ids: usize, most: i32): i32 {
  const rowBytes = usize(field(reader, READER_COUNT)) << 3;
  at = skip(at);
  if (load<u8>(at) !== 91) return 0;
  let count = 0;
  while (true) {
    if (count === most) return 0;
    at = readRequest(reader, at + 1, rows, ids);
    if (at === 0) return 0;
    count++;
    rows += rowBytes;
    ids += REQUEST_ID_BYTES;
    const c = load<u8>(at);
    if (c === 93) break;
    if (c !== 44) return 0;
  }
  store<i32>(reader, i32(skip(at + 1)), READER_END);
  return count;
}

/**
 * Reads one request object and the white space around it.
 * @returns where it ends; 0 if the host must read it
 */
function readRequest(reader: usize, at: usize, row: usize, id: usize): usize {
  at = skip(at);
  if (load<u8>(at) !== 123) return 0;
  at = skip(at + 1);
  let has = 0;
  store<i32>(id, 0, 4);
  while (true) {
    if (load<u8>(at) !== 34) return 0;
    const key = load<u64>(at, 1);
    let which: i32;
    if (key === FEATURES && load<u8>(at, 9) === 34) {
      which = HAS_FEATURES;
      at += 10;
    } else if (key === REQUEST_START && load<u16>(at, 9) === ID && load<u8>(at, 11) === 34) {
      which = HAS_ID;
      at += 12;
    } else if (key === FEATURE_START && load<u32>(at, 9) === NAMES && load<u16>(at, 13) === S_QUOTE) {
      which = HAS_NAMES;
      at += 15;
    } else return 0;
    if ((has & which) !== 0) return 0;
    has |= which;
    at = skip(at);
    if (load<u8>(at) !== 58) return 0;
    at = skip(at + 1);
    if (which === HAS_FEATURES) at = readValues(reader, at);
    else if (which === HAS_NAMES) at = readNames(reader, at);
    else at = readId(id, at);
    if (at === 0) return 0;
    at = skip(at);
    const c = load<u8>(at++);
    if (c === 125) break;
    if (c !== 44) return 0;
    at = skip(at);
  }
  if ((has & HAS_FEATURES) === 0) return 0;
  place(reader, row, (has & HAS_NAMES) !== 0);
  return skip(at);
}

function readValues(reader: usize, at: usize): usize {
  if (load<u8>(at) !== 91) return 0;
  let target = reader + field(reader, READER_VALUES);
  const end = target + (usize(field(reader, READER_COUNT)) << 3);
  while (target < end) {
    at = skip(at + 1);
    if (load<u8>(at) === 110) {
      if (load<u32>(at) !== NULL) return 0;
      store<f64>(target, NaN);
      at += 4;
    } else {
      at = readNumber(at, target);
      if (at === 0) return 0;
    }
    target += 8;
    at = skip(at);
    if (load<u8>(at) !== (target < end ? 44 : 93)) return 0;
  }
  return at + 1;
}

/** Finds the position of each feature in the request. Every name of the reader must appear exactly once. */
function readNames(reader: usize, at: usize): usize {
  if (load<u8>(at) !== 91) return 0;
  const count = field(reader, READER_COUNT);
  const names = reader + field(reader, READER_NAMES);
  const order = reader + field(reader, READER_ORDER);
  memory.fill(order, 0xff, usize(count) << 2);
  for (let i = 0; i < count; i++) {
    at = skip(at + 1);
    const piece = names + (usize(i) << 3);
    const length = load<i32>(piece, 4);
    let index = i;
    if (same(at, reader + load<u32>(piece), length)) at += usize(length);
    else {
      const end = textEnd(at);
      if (end === 0) return 0;
      index = indexOf(reader, at, i32(end - at));
      if (index < 0) return 0;
      at = end;
    }
    const entry = order + (usize(index) << 2);
    if (load<i32>(entry) >= 0) return 0;
    store<i32>(entry, i);
    at = skip(at);
    if (load<u8>(at) !== (i + 1 < count ? 44 : 93)) return 0;
  }
  return at + 1;
}

function indexOf(reader: usize, at: usize, length: i32): i32 {
  const bits = field(reader, READER_BITS);
  const names = reader + field(reader, READER_NAMES);
  const slots = reader + field(reader, READER_SLOTS);
  const last = (1 << bits) - 1;
  let slot = hash(at, length, bits);
  while (true) {
    const index = load<i32>(slots + (usize(slot) << 2)) - 1;
    if (index < 0) return -1;
    const piece = names + (usize(index) << 3);
    if (load<i32>(piece, 4) === length && same(at, reader + load<u32>(piece), length)) return index;
    slot = (slot + 1) & last;
  }
}

/**
 * Finds where the string at `at` ends.
 * @returns the address after its closing quote; 0 if it is not a string, or contains control characters below 32,
 * non-ASCII bytes or `\`
 */
function textEnd(at: usize): usize {
  if (load<u8>(at) !== 34) return 0;
  at++;
  while (true) {
    const text = v128.load(at);
    // As signed bytes, control characters and all non-ASCII bytes are less than 32, the space.
    const special = v128.or(
      i8x16.lt_s(text, i8x16.splat(32)),
      v128.or(i8x16.eq(text, i8x16.splat(34)), i8x16.eq(text, i8x16.splat(92))),
    );
    const mask = i8x16.bitmask(special);
    if (mask !== 0) {
      at += usize(ctz(mask));
      return load<u8>(at) === 34 ? at + 1 : 0;
    }
    at += 16;
  }
}

function readId(id: usize, at: usize): usize {
  const end = textEnd(at);
  if (end === 0 || end - at > usize(MAX_ID_BYTES)) return 0;
  store<i32>(id, i32(at));
  store<i32>(id, i32(end - at), 4);
  return end;
}

function place(reader: usize, row: usize, named: bool): void {
  const count = field(reader, READER_COUNT);
  const values = reader + field(reader, READER_VALUES);
  if (!named) {
    memory.copy(row, values, usize(count) << 3);
    return;
  }
  const order = reader + field(reader, READER_ORDER);
  for (let i = 0; i < count; i++) {
    store<f64>(row + (usize(i) << 3), load<f64>(values + (usize(load<i32>(order + (usize(i) << 2))) << 3)));
  }
}

/** Copies the request id at `id` to row `at` of a lane. */
export function putId(id: usize, lane: usize, at: i32): void {
  const slot = lane + load<u32>(lane + LANE_IDS) + usize(at * ID_BYTES);
  const length = load<i32>(id, 4);
  store<u8>(slot, u8(length));
  copy(load<u32>(id), length, slot + 1);
}
