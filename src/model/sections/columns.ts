/** Section of the image: columns, numerical views, category sets. */
import * as L from '../../../workers/kernel/layout.js';
import type { CategoricalColumn, Column, Columns, NumericalColumn, View } from '../columns.js';
import type { Stream } from '../streams.js';
import type { Plan, Write } from './sheet.js';

/**
 * Cuts up to which a column is short: all are compared, two at a time, where a search would take its steps one after
 * the other.
 */
const SHORT_CUTS = 32;

/** The order of columns in the image, and where each view stands among the u16 views of a row. */
export interface ViewPlaces {
  readonly total: number;
  /**
   * Numerical ones first, shorter ones before longer ones: loops over neighbours then take the same number of turns.
   */
  readonly order: readonly number[];
  /** Of numerical columns, the first ones in `order`, how many are short. */
  readonly short: number;
  /** Of each view of numerical columns. */
  readonly ofView: readonly number[];
  /** Special views: neither missing values left nor right, and zero as a value. They stand behind all pairs. */
  readonly special: readonly number[];
  /** Of the first view of each column: by set for categorical ones. */
  readonly firstOfColumn: readonly number[];
}

export function placeViews({ columns, views }: Columns): ViewPlaces {
  const length = (column: Column): number => (column.kind === 'numerical' ? column.cuts.length : Infinity);
  const order = columns
    .map((_, c) => c)
    .toSorted((a, b) => (length(columns[a]) === length(columns[b]) ? a - b : length(columns[a]) - length(columns[b])));
  const numerical = columns.filter(({ kind }) => kind === 'numerical').length;
  const firstOfColumn = columns.map(() => 0);
  order.slice(0, numerical).forEach((c, place) => (firstOfColumn[c] = 2 * place));
  const special: number[] = [];
  let total = 2 * numerical;
  const ofView = views.map((view, v) => {
    const { missingSlot, zeroSlot } = columns[view.column] as NumericalColumn;
    const asZero = view.missing === 'value' && missingSlot === zeroSlot;
    if (view.zero === 'value' && (view.missing !== 'value' || asZero))
      return firstOfColumn[view.column] + (view.missing === 'right' ? 1 : 0);
    special.push(v);
    return total++;
  });
  for (const c of order.slice(numerical)) {
    firstOfColumn[c] = total;
    total += (columns[c] as CategoricalColumn).sets.length;
  }
  // A leaf compares its view too, so there is always one to read.
  return {
    total: Math.max(1, total),
    order,
    short: columns.filter((column) => length(column) <= SHORT_CUTS).length,
    ofView,
    special,
    firstOfColumn,
  };
}

/** @param slotBytes of one slot in a stream's table */
export function columnSection(
  plan: Plan,
  { columns, views }: Columns,
  places: ViewPlaces,
  streams: readonly Stream[],
  slotBytes: number,
): Write {
  const { order, short } = places;
  const records = plan.reserve(columns.length * L.COLUMN_BYTES);
  const lengths = order.map((c, place) => {
    const column = columns[c];
    if (column.kind === 'categorical') return 0;
    return place < short ? Math.ceil(column.cuts.length / 2) : Math.ceil(Math.log2(column.cuts.length + 1));
  });
  const cutCounts = lengths.map((length, place) => (place < short ? 2 * length : 2 ** length - 1));
  const tables = order.map((c, place) => {
    const column = columns[c];
    return column.kind === 'numerical'
      ? plan.reserve(8 * cutCounts[place], place < short ? 16 : 64)
      : plan.reserve(2 * column.groups.length);
  });
  const setTables = order.map((c) => {
    const column = columns[c];
    return column.kind === 'numerical' ? 0 : plan.reserve(2 * column.sets.length * column.slots);
  });
  const viewRecords = plan.reserve(places.special.length * L.VIEW_BYTES);
  return (sheet) => {
    const { i32, f64s, u16s } = sheet;
    i32(L.HEADER_NUMERICAL_COLUMNS, columns.filter((column) => column.kind === 'numerical').length);
    i32(L.HEADER_SHORT_COLUMNS, short);
    i32(L.HEADER_COLUMN_COUNT, columns.length);
    i32(L.HEADER_COLUMNS, records);
    const started = new Set<number>();
    order.forEach((c, place) => {
      const column = columns[c];
      const at = records + place * L.COLUMN_BYTES;
      i32(at + L.COLUMN_FEATURE, column.feature);
      i32(at + L.COLUMN_LENGTH, lengths[place]);
      i32(at + L.COLUMN_TABLE, tables[place]);
      if (column.kind === 'numerical') {
        const { cuts, missingSlot, zeroSlot } = column;
        i32(at + L.COLUMN_MISSING, missingSlot);
        i32(
          at + L.COLUMN_MISSING_VIEWS,
          missingSlot === zeroSlot ? bothViews(zeroSlot + 1, zeroSlot + 1) : bothViews(L.VIEW_LEFT, L.VIEW_RIGHT),
        );
        f64s(
          tables[place],
          Float64Array.from({ length: cutCounts[place] }, (_, i) => cuts[i] ?? Infinity),
        );
      } else {
        i32(at + L.COLUMN_MISSING, column.groups.length);
        i32(at + L.COLUMN_SETS, column.sets.length);
        i32(at + L.COLUMN_SET_TABLE, setTables[place]);
        i32(at + L.COLUMN_FIRST_VIEW, places.firstOfColumn[c]);
        u16s(tables[place], column.groups);
        u16s(setTables[place], setLines(column));
      }
      const stream = streams.findIndex(({ members }) => members.some((member) => member.column === c));
      if (stream < 0) return;
      const multiplier = streams[stream].members.find((member) => member.column === c)?.multiplier ?? 1;
      i32(at + L.COLUMN_STREAM, stream);
      i32(at + L.COLUMN_STRIDE, multiplier * slotBytes);
      i32(at + L.COLUMN_FIRST, started.has(stream) ? 0 : 1);
      started.add(stream);
    });
    i32(L.HEADER_SPECIAL_VIEWS, places.special.length);
    i32(L.HEADER_VIEWS, viewRecords);
    i32(L.HEADER_VIEW_TOTAL, places.total);
    places.special.forEach((v, index) => {
      const { column, missing, zero } = views[v];
      const { zeroSlot, missingSlot } = columns[column] as NumericalColumn;
      const zeroView = ends(zero, zeroSlot);
      const at = viewRecords + index * L.VIEW_BYTES;
      i32(at + L.VIEW_SOURCE, places.firstOfColumn[column]);
      // Missing values that share zero's slot, or count as zero, go where zero goes.
      i32(at + L.VIEW_MISSING, missingSlot === zeroSlot || missing === 'value' ? zeroView : ends(missing, zeroSlot));
      i32(at + L.VIEW_ZERO_SOURCE, zeroSlot + 1);
      i32(at + L.VIEW_ZERO, zeroView);
    });
  };
}

const bothViews = (left: number, right: number): number => left | (right << 16);

const ends = (where: View['zero'], slot: number): number =>
  where === 'left' ? L.VIEW_LEFT : where === 'right' ? L.VIEW_RIGHT : slot + 1;

/** [slots][sets] the views of each slot. */
function setLines({ members, slots }: CategoricalColumn): Uint16Array {
  const lines = new Uint16Array(slots * members.length);
  members.forEach((member, set) => {
    for (let slot = 0; slot < slots; slot++)
      lines[slot * members.length + set] = member[slot] === 1 ? L.VIEW_LEFT : L.VIEW_RIGHT;
  });
  return lines;
}
