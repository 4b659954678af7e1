/** Section of the image: columns, numerical views, category sets. */
import * as L from '../../../workers/kernel/layout.js';
import type { CategoricalColumn, Column, Columns, NumericalColumn, View, WideColumn } from '../columns.js';
import type { Stream } from '../streams.js';
import type { ImagePlan, ImageWriter, WriteSection } from './image-writer.js';

/**
 * A column of at most this many cuts is short: the kernel compares all cuts, two at a time, whereas the steps of a
 * search depend on each other.
 */
const MAX_SHORT_CUTS = 32;

/** The order of columns in the image, and the position of each view among the u16 views of a row. */
export interface ViewPlaces {
  readonly total: number;
  /**
   * Indices of columns. Numerical ones come first, shorter before longer: loops over neighbours then take the same
   * number of steps.
   */
  readonly order: readonly number[];
  /** Number of short columns, which are the first ones in `order`. */
  readonly short: number;
  /** The position of each view of a numerical column. */
  readonly ofView: readonly number[];
  /**
   * The special views, which follow the pairs of all columns: those that are not simply missing values to one side and
   * zero as a value.
   */
  readonly special: readonly number[];
  /** The position of each column's first view; a categorical or wide column has one view per set. */
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
    total += (columns[c] as CategoricalColumn | WideColumn).sets.length;
  }
  return {
    // A leaf compares its view too, so there is always one to read.
    total: Math.max(1, total),
    order,
    short: columns.filter((column) => length(column) <= MAX_SHORT_CUTS).length,
    ofView,
    special,
    firstOfColumn,
  };
}

/** The offsets of a section's parts, and the sizes that follow from the columns. */
interface ColumnOffsets {
  readonly records: number;
  /** By place in the order: steps of the search, or pairs of cuts of a short column. */
  readonly lengths: readonly number[];
  /** By place: cuts, with their padding. */
  readonly cutCounts: readonly number[];
  /** By place: the cuts, or the groups of categories. */
  readonly tables: readonly number[];
  /** By place: the views of each slot, for categorical columns; the records of sets, for wide ones. */
  readonly setTables: readonly number[];
  readonly viewRecords: number;
}

/** @param slotBytes size of one slot in a stream's table */
export function columnSection(
  plan: ImagePlan,
  { columns, views }: Columns,
  places: ViewPlaces,
  streams: readonly Stream[],
  slotBytes: number,
): WriteSection {
  const offsets = reserveColumns(plan, columns, places);
  return (writer) => {
    const { i32 } = writer;
    i32(L.HEADER_NUMERICAL_COLUMNS, columns.filter((column) => column.kind === 'numerical').length);
    i32(L.HEADER_SHORT_COLUMNS, places.short);
    i32(L.HEADER_COLUMN_COUNT, columns.length);
    i32(L.HEADER_COLUMNS, offsets.records);
    const started = new Set<number>();
    places.order.forEach((c, place) => {
      const at = offsets.records + place * L.COLUMN_BYTES;
      writeColumn(writer, columns[c], offsets, place);
      if (columns[c].kind !== 'numerical') i32(at + L.COLUMN_FIRST_VIEW, places.firstOfColumn[c]);
      const stream = streams.findIndex(({ members }) => members.some((member) => member.column === c));
      if (stream < 0) return;
      const multiplier = streams[stream].members.find((member) => member.column === c)?.multiplier ?? 1;
      i32(at + L.COLUMN_STREAM, stream);
      i32(at + L.COLUMN_STRIDE, multiplier * slotBytes);
      i32(at + L.COLUMN_FIRST, started.has(stream) ? 0 : 1);
      started.add(stream);
    });
    i32(L.HEADER_SPECIAL_VIEWS, places.special.length);
    i32(L.HEADER_VIEWS, offsets.viewRecords);
    i32(L.HEADER_VIEW_TOTAL, places.total);
    places.special.forEach((v, index) => {
      const column = columns[views[v].column] as NumericalColumn;
      const at = offsets.viewRecords + index * L.VIEW_BYTES;
      i32(at + L.VIEW_SOURCE, places.firstOfColumn[views[v].column]);
      writeSpecialView(writer, at, column, views[v]);
    });
  };
}

function reserveColumns(plan: ImagePlan, columns: readonly Column[], places: ViewPlaces): ColumnOffsets {
  const { order, short } = places;
  const records = plan.reserve(columns.length * L.COLUMN_BYTES);
  const lengths = order.map((c, place) => {
    const column = columns[c];
    if (column.kind !== 'numerical') return 0;
    return place < short ? Math.ceil(column.cuts.length / 2) : Math.ceil(Math.log2(column.cuts.length + 1));
  });
  const cutCounts = lengths.map((length, place) => (place < short ? 2 * length : 2 ** length - 1));
  const tables = order.map((c, place) => {
    const column = columns[c];
    if (column.kind === 'wide') return 0;
    return column.kind === 'numerical'
      ? plan.reserve(8 * cutCounts[place], place < short ? 16 : 64)
      : plan.reserve(2 * column.groups.length);
  });
  const setTables = order.map((c) => {
    const column = columns[c];
    if (column.kind === 'numerical') return 0;
    return plan.reserve(column.kind === 'wide' ? wideBytes(column) : 2 * column.sets.length * column.slots);
  });
  const viewRecords = plan.reserve(places.special.length * L.VIEW_BYTES);
  return { records, lengths, cutCounts, tables, setTables, viewRecords };
}

/** Size of the records and bits of a wide column's sets. */
const wideBytes = ({ sets }: WideColumn): number =>
  sets.reduce((bytes, set) => bytes + L.WIDE_SET_BYTES + 4 * set.length, 0);

function writeWideSets({ i32, u32s }: ImageWriter, { sets }: WideColumn, table: number): void {
  let bits = table + sets.length * L.WIDE_SET_BYTES;
  sets.forEach((set, s) => {
    i32(table + s * L.WIDE_SET_BYTES + L.WIDE_SET_BITS, bits);
    i32(table + s * L.WIDE_SET_BYTES + L.WIDE_SET_WORDS, set.length);
    u32s(bits, set);
    bits += 4 * set.length;
  });
}

/** Writes a column's record but for its stream and its first view, and its tables. */
function writeColumn(writer: ImageWriter, column: Column, offsets: ColumnOffsets, place: number): void {
  const { i32, f64s, u16s } = writer;
  const at = offsets.records + place * L.COLUMN_BYTES;
  const table = offsets.tables[place];
  i32(at + L.COLUMN_FEATURE, column.feature);
  i32(at + L.COLUMN_LENGTH, offsets.lengths[place]);
  i32(at + L.COLUMN_TABLE, table);
  if (column.kind === 'wide') {
    i32(at + L.COLUMN_SETS, column.sets.length);
    i32(at + L.COLUMN_SET_TABLE, offsets.setTables[place]);
    writeWideSets(writer, column, offsets.setTables[place]);
    return;
  }
  if (column.kind === 'categorical') {
    i32(at + L.COLUMN_MISSING, column.groups.length);
    i32(at + L.COLUMN_SETS, column.sets.length);
    i32(at + L.COLUMN_SET_TABLE, offsets.setTables[place]);
    u16s(table, column.groups);
    u16s(offsets.setTables[place], setLines(column));
    return;
  }
  const { cuts, missingSlot, zeroSlot } = column;
  i32(at + L.COLUMN_MISSING, missingSlot);
  i32(
    at + L.COLUMN_MISSING_VIEWS,
    missingSlot === zeroSlot ? bothViews(zeroSlot + 1, zeroSlot + 1) : bothViews(L.VIEW_LEFT, L.VIEW_RIGHT),
  );
  f64s(
    table,
    Float64Array.from({ length: offsets.cutCounts[place] }, (_, i) => cuts[i] ?? Infinity),
  );
}

/** Writes a special view's record but for its source. */
function writeSpecialView(
  { i32 }: ImageWriter,
  at: number,
  { zeroSlot, missingSlot }: NumericalColumn,
  { missing, zero }: View,
): void {
  const zeroView = viewOf(zero, zeroSlot);
  // Missing values that share zero's slot, or count as zero, go where zero goes.
  i32(at + L.VIEW_MISSING, missingSlot === zeroSlot || missing === 'value' ? zeroView : viewOf(missing, zeroSlot));
  i32(at + L.VIEW_ZERO_SOURCE, zeroSlot + 1);
  i32(at + L.VIEW_ZERO, zeroView);
}

const bothViews = (left: number, right: number): number => left | (right << 16);

/** The view of a value that goes to one side, or is compared by its slot. */
const viewOf = (where: View['zero'], slot: number): number =>
  where === 'left' ? L.VIEW_LEFT : where === 'right' ? L.VIEW_RIGHT : slot + 1;

/** [slots][sets] The views of each slot. */
function setLines({ members, slots }: CategoricalColumn): Uint16Array {
  const lines = new Uint16Array(slots * members.length);
  members.forEach((member, set) => {
    for (let slot = 0; slot < slots; slot++)
      lines[slot * members.length + set] = member[slot] === 1 ? L.VIEW_LEFT : L.VIEW_RIGHT;
  });
  return lines;
}
