/** A table of numbers in memory. */

/** Columns of numbers. A value that is missing is NaN. */
export interface Table {
  readonly names: readonly string[];
  /** One array of `rows` values for each name. */
  readonly columns: readonly Float64Array[];
  readonly rows: number;
}

/** The column of that name, or undefined. */
export function column(table: Table, name: string): Float64Array | undefined {
  return table.columns[table.names.indexOf(name)];
}
