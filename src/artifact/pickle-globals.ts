/** The allow-list of the pickle reader: the few globals that do something, and what they do. */
import { Dtype, NdArray } from './numpy.js';
import {
  type ByteBudget,
  ObjectArray,
  PickledInstance,
  PickledText,
  PickledTuple,
  type PickledValue,
  PickleGlobal,
  PickleRefusal,
  printable,
  UnfilledArray,
} from './pickle-values.js';

export const ISOTONIC_REGRESSION = 'sklearn.isotonic.IsotonicRegression';
export const SIGMOID_CALIBRATION = 'sklearn.calibration._SigmoidCalibration';
export const LOGISTIC_REGRESSION = 'sklearn.linear_model._logistic.LogisticRegression';
export const JOBLIB_ARRAY = 'joblib.numpy_pickle.NumpyArrayWrapper';

const MAX_DIMENSIONS = 32;

const NDARRAY = new PickleGlobal('numpy.ndarray', undefined, false);

const GLOBALS = new Map<string, PickleGlobal>();

function allow(names: readonly string[], call: PickleGlobal['call'], instantiable = false): void {
  for (const name of names) GLOBALS.set(name, new PickleGlobal(name, call, instantiable));
}

GLOBALS.set(NDARRAY.name, NDARRAY);
allow([ISOTONIC_REGRESSION, SIGMOID_CALIBRATION, LOGISTIC_REGRESSION, JOBLIB_ARRAY], undefined, true);
allow(['numpy.dtype'], dtype);
// numpy 2 renamed its private package numpy.core to numpy._core.
allow(['numpy.core.multiarray._reconstruct', 'numpy._core.multiarray._reconstruct'], reconstruct);
allow(['numpy.core.multiarray.scalar', 'numpy._core.multiarray.scalar'], scalar);
allow(['numpy.core.numeric._frombuffer', 'numpy._core.numeric._frombuffer'], fromBuffer);
// Protocol 2 has no opcode for bytes: Python writes them as a Latin-1 string to encode, and empty ones as `bytes()`.
allow(['_codecs.encode'], encode);
allow(['builtins.bytes', '__builtin__.bytes'], emptyBytes);
allow(['collections.OrderedDict', 'collections.defaultdict'], () => new Map());
// `copyreg._reconstructor(class, object, None)`.
allow(['copyreg._reconstructor', 'copy_reg._reconstructor'], ([type]) => instanceOf(type ?? null, false));

/** The global that a pickle names; one that is not among the few does nothing. */
export function globalOf(name: string): PickleGlobal {
  return GLOBALS.get(name) ?? new PickleGlobal(name, undefined, true, false);
}

/** Performs BUILD, `target.__setstate__(state)`, for the values that have a state. */
export function setState(target: PickledValue, state: PickledValue): void {
  if (target instanceof PickledInstance) {
    // A class with slots has a tuple: its dict, and the values of the slots.
    const attributes = state instanceof PickledTuple ? state.items.find((item) => item instanceof Map) : state;
    if (attributes instanceof Map) target.attributes ??= attributes;
  } else if (target instanceof UnfilledArray) {
    if (target.array !== undefined) throw new PickleRefusal('sets the state of a numpy array twice');
    target.array = filledArray(state);
  } else if (target instanceof Dtype) {
    setByteOrder(target, state);
  } else if (!(target instanceof PickleGlobal || target instanceof Map || Array.isArray(target))) {
    throw new PickleRefusal('sets the state of a value that has none');
  }
}

/** An instance of what a pickle names as its class, without arguments where the class is known. */
export function instanceOf(type: PickledValue, hasArguments: boolean): PickledInstance {
  if (type instanceof PickledInstance) return new PickledInstance(type.className);
  if (!(type instanceof PickleGlobal) || !type.instantiable || (type.isKnown && hasArguments))
    throw new PickleRefusal(`makes an instance of ${nameOf(type)}, which is not allowed`);
  return new PickledInstance(type.name);
}

export function nameOf(value: PickledValue): string {
  return value instanceof PickleGlobal ? printable(value.name) : 'a value that is not a class';
}

/** Validates the parts of an array as a pickle gives them, and joins them. */
export function arrayOf({
  shape,
  type,
  order,
  data,
}: Readonly<Record<'shape' | 'type' | 'order' | 'data', PickledValue>>): NdArray {
  if (!(type instanceof Dtype) || !(data instanceof Uint8Array) || (order !== 'C' && order !== 'F'))
    throw malformed('numpy array');
  try {
    return new NdArray(shapeOf(shape), type, data);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new PickleRefusal(`is damaged: ${cause.message}`, { cause });
  }
}

export function shapeOf(value: PickledValue): number[] {
  if (!(value instanceof PickledTuple) || value.items.length > MAX_DIMENSIONS) throw malformed('numpy array shape');
  return value.items.map((size) => {
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) throw malformed('numpy array shape');
    return size;
  });
}

export function isNdarrayClass(value: PickledValue | undefined): boolean {
  return value === NDARRAY;
}

/** `numpy.dtype('f8', align, copy)`; the byte order follows as state. */
function dtype(args: readonly PickledValue[]): Dtype {
  const [code] = args;
  const parsed = typeof code === 'string' && args.length <= 3 ? Dtype.parse(code) : undefined;
  if (parsed === undefined)
    throw new PickleRefusal(
      `has a numpy array of type ${typeof code === 'string' ? printable(code) : 'no name'}, which is not read`,
    );
  return parsed;
}

/** State of a dtype: (version, byte order, subarray, names, fields, item size, alignment, flags[, metadata]). */
function setByteOrder(target: Dtype, state: PickledValue): void {
  if (!(state instanceof PickledTuple)) throw malformed('numpy dtype');
  const [, order, subarray, names, fields] = state.items;
  if (subarray !== null || names !== null || fields !== null)
    throw new PickleRefusal('has a structured numpy array, which is not read');
  if (order !== '<' && order !== '>' && order !== '|') throw malformed('numpy dtype');
  target.littleEndian = order !== '>';
}

/** `_reconstruct(ndarray, (0,), b'b')`: numpy's arguments never vary. */
function reconstruct(args: readonly PickledValue[]): UnfilledArray {
  if (args.length !== 3 || args[0] !== NDARRAY) throw malformed('numpy array');
  return new UnfilledArray();
}

/** State of an array: (version, shape, dtype, is Fortran order, items). */
function filledArray(state: PickledValue): NdArray | ObjectArray {
  if (!(state instanceof PickledTuple) || state.items.length !== 5) throw malformed('numpy array');
  const [, shape, type, fortran, data] = state.items;
  if (type instanceof Dtype && type.kind === 'O' && Array.isArray(data)) return new ObjectArray(data);
  return arrayOf({ shape, type, order: fortran === true || fortran === 1 ? 'F' : 'C', data });
}

/** `_frombuffer(buffer, dtype, shape, order)`: protocol 5, with the buffer inside the pickle. */
function fromBuffer(args: readonly PickledValue[]): NdArray {
  const [data, type, shape, order] = args;
  if (args.length !== 4) throw malformed('numpy array');
  return arrayOf({ shape, type, order, data });
}

function scalar(args: readonly PickledValue[]): number | boolean | string | null {
  const [type, data] = args;
  if (type instanceof Dtype && !type.isNumeric && type.kind !== 'U') return null;
  if (
    args.length !== 2 ||
    !(type instanceof Dtype) ||
    !(data instanceof Uint8Array) ||
    data.byteLength !== type.itemSize
  ) {
    throw malformed('numpy scalar');
  }
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (type.kind === 'U') return type.readText(view, 0);
  const value = type.read(view, 0);
  return type.kind === 'b' ? value !== 0 : value;
}

function encode(args: readonly PickledValue[], budget: ByteBudget): Uint8Array {
  const [given, encoding] = args;
  const text = given instanceof PickledText ? new TextDecoder().decode(given.bytes) : given;
  if (args.length !== 2 || typeof text !== 'string' || encoding !== 'latin1') throw malformed('byte string');
  budget.spend(text.length);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 255) throw malformed('byte string');
    bytes[i] = code;
  }
  return bytes;
}

function emptyBytes(args: readonly PickledValue[]): Uint8Array {
  if (args.length > 0) throw malformed('byte string');
  return new Uint8Array();
}

function malformed(what: string): PickleRefusal {
  return new PickleRefusal(`is damaged: a ${what} is malformed`);
}
