/** Section of the image: columns, numerical views, category sets. */
import * as L from '../../../workers/kernel/layout.js';
import type { CategoricalColumn, Columns, NumericalColumn, View } from '../columns.js';
import type { Stream } from '../streams.js';
import type { Plan, Write } from './sheet.js';

/** Where each view stands among the u16 views of a row. */
export interface ViewPlaces {
  readonly total: number;
  /** Of the first set of each column, in the order of columns; -1 for numerical ones, whose views are numbered from 0. */
  readonly firstOfColumn: readonly number[];
}

export function placeViews({ columns, views }: Columns): ViewPlaces {
  let total = views.length;
  const firstOfColumn = columns.map((column) => {
    if (column.kind === 'numerical') return -1;
    total += column.sets.length;
    return total - column.sets.length;
  });
  // A leaf compares its view too, so there is always one to read.
  return { total: Math.max(1, total), firstOfColumn };
}

/** @param slotBytes of one slot in a stream's table */
export function columnSection(plan: Plan, { columns, views }: Columns, places: ViewPlaces, streams: readonly Stream[], slotBytes: number): Write {
  const records = plan.reserve(columns.length * L.COLUMN_BYTES);
  const depths = columns.map((column) => (column.kind === 'numerical' ? Math.ceil(Math.log2(column.cuts.length + 1)) : 0));
  const tables = columns.map((column, c) => (column.kind === 'numerical' ? plan.reserve(8 * (2 ** depths[c] - 1), 64) : plan.reserve(2 * column.groups.length)));
  const setTables = columns.map((column) => (column.kind === 'numerical' ? 0 : plan.reserve(2 * column.sets.length * column.slots)));
  const viewRecords = plan.reserve(views.length * L.VIEW_BYTES);
  return (sheet) => {
    const { i32, f64s, u16s } = sheet;
    i32(L.HEADER_NUMERICAL_COLUMNS, columns.filter((column) => column.kind === 'numerical').length);
    i32(L.HEADER_COLUMN_COUNT, columns.length);
    i32(L.HEADER_COLUMNS, records);
    const started = new Set<number>();
    columns.forEach((column, c) => {
      const at = records + c * L.COLUMN_BYTES;
      i32(at + L.COLUMN_FEATURE, column.feature);
      i32(at + L.COLUMN_DEPTH, depths[c]);
      i32(at + L.COLUMN_TABLE, tables[c]);
      if (column.kind === 'numerical') {
        i32(at + L.COLUMN_MISSING, column.missingSlot);
        f64s(tables[c], Float64Array.from({ length: 2 ** depths[c] - 1 }, (_, i) => column.cuts[i] ?? Infinity));
      } else {
        i32(at + L.COLUMN_MISSING, column.groups.length);
        i32(at + L.COLUMN_SETS, column.sets.length);
        i32(at + L.COLUMN_SET_TABLE, setTables[c]);
        i32(at + L.COLUMN_FIRST_VIEW, places.firstOfColumn[c]);
        u16s(tables[c], column.groups);
        u16s(setTables[c], setLines(column));
      }
      const stream = streams.findIndex(({ members }) => members.some((member) => member.column === c));
      if (stream < 0) return;
      const multiplier = streams[stream].members.find((member) => member.column === c)?.multiplier ?? 1;
      i32(at + L.COLUMN_STREAM, stream);
      i32(at + L.COLUMN_STRIDE, multiplier * slotBytes);
      i32(at + L.COLUMN_FIRST, started.has(stream) ? 0 : 1);
      started.add(stream);
    });
    i32(L.HEADER_NUMERICAL_VIEWS, views.length);
    i32(L.HEADER_VIEWS, viewRecords);
    i32(L.HEADER_VIEW_TOTAL, places.total);
    views.forEach((view, v) => {
      const { zeroSlot, missingSlot } = columns[view.column] as NumericalColumn;
      const zero = ends(view.zero, zeroSlot);
      const at = viewRecords + v * L.VIEW_BYTES;
      i32(at + L.VIEW_COLUMN, view.column);
      i32(at + L.VIEW_MISSING_SLOT, missingSlot);
      // Missing values that share zero's slot, or count as zero, go where zero goes.
      i32(at + L.VIEW_MISSING, missingSlot === zeroSlot || view.missing === 'value' ? zero : ends(view.missing, zeroSlot));
      i32(at + L.VIEW_ZERO_SLOT, zeroSlot);
      i32(at + L.VIEW_ZERO, zero);
    });
  };
}

const ends = (where: View['zero'], slot: number): number => (where === 'left' ? L.VIEW_LEFT : where === 'right' ? L.VIEW_RIGHT : slot + 1);

/** [slots][sets] the views of each slot. */
function setLines({ members, slots }: CategoricalColumn): Uint16Array {
  const lines = new Uint16Array(slots * members.length);
  members.forEach((member, set) => {
    for (let slot = 0; slot < slots; slot++) lines[slot * members.length + set] = member[slot] === 1 ? L.VIEW_LEFT : L.VIEW_RIGHT;
  });
  return lines;
}
