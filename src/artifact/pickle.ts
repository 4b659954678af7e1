/** A pickle reader that treats the file as data: it neither imports nor calls anything outside an allow-list. */
import { ByteReader } from './byte-reader.js';
import { byteLength, Dtype, type NdArray } from './numpy.js';
import {
  arrayOf,
  globalOf,
  instanceOf,
  isNdarrayClass,
  JOBLIB_ARRAY,
  nameOf,
  setState,
  shapeOf,
} from './pickle-globals.js';
import {
  ByteBudget,
  ObjectArray,
  PickledInstance,
  PickledText,
  PickledTuple,
  type PickledValue,
  PickleGlobal,
  PickleRefusal,
  UnfilledArray,
} from './pickle-values.js';

/** Each opcode may keep one small value alive, so their number bounds memory and time. */
export const OPCODE_LIMITS = { calibrator: 10_000, model: 1_000_000 } as const;

/** Longer texts are not decoded. */
const DECODED_BYTES = 65_536;
/** A joblib dump has a pickle of its own for each array of objects. */
const MAX_DEPTH = 2;

/** Slack for the short byte strings that numpy repeats. */
const ENCODE_SLACK = 65_536;

/** The opcodes that protocols 2 to 5 use for data, with the names of Python's pickletools. */
const OP = {
  MARK: 0x28,
  EMPTY_TUPLE: 0x29,
  STOP: 0x2e,
  BINFLOAT: 0x47,
  BININT: 0x4a,
  BININT1: 0x4b,
  BININT2: 0x4d,
  NONE: 0x4e,
  REDUCE: 0x52,
  BINUNICODE: 0x58,
  EMPTY_LIST: 0x5d,
  APPEND: 0x61,
  BUILD: 0x62,
  GLOBAL: 0x63,
  APPENDS: 0x65,
  BINGET: 0x68,
  LONG_BINGET: 0x6a,
  BINPUT: 0x71,
  LONG_BINPUT: 0x72,
  SETITEM: 0x73,
  TUPLE: 0x74,
  SETITEMS: 0x75,
  EMPTY_DICT: 0x7d,
  PROTO: 0x80,
  NEWOBJ: 0x81,
  TUPLE1: 0x85,
  TUPLE2: 0x86,
  TUPLE3: 0x87,
  NEWTRUE: 0x88,
  NEWFALSE: 0x89,
  LONG1: 0x8a,
  BINBYTES: 0x42,
  SHORT_BINBYTES: 0x43,
  SHORT_BINUNICODE: 0x8c,
  BINUNICODE8: 0x8d,
  BINBYTES8: 0x8e,
  STACK_GLOBAL: 0x93,
  MEMOIZE: 0x94,
  FRAME: 0x95,
  BYTEARRAY8: 0x96,
  POP: 0x30,
  POP_MARK: 0x31,
  DUP: 0x32,
  LONG4: 0x8b,
  BINSTRING: 0x54,
  SHORT_BINSTRING: 0x55,
  EMPTY_SET: 0x8f,
  ADDITEMS: 0x90,
  FROZENSET: 0x91,
  NEWOBJ_EX: 0x92,
} as const;

/** Opcodes that exist but are refused, for an error that says what the file tried. */
const REFUSED: Readonly<Record<number, string>> = {
  0x50: 'a persistent id',
  0x51: 'a persistent id',
  0x69: 'an instance of the old protocol',
  0x6f: 'an instance of the old protocol',
  0x82: 'the extension registry',
  0x83: 'the extension registry',
  0x84: 'the extension registry',
  0x97: 'an out-of-band buffer',
  0x98: 'an out-of-band buffer',
};

/**
 * Reads a pickle of protocols 2 to 5, or an uncompressed joblib dump (a pickle with arrays' items between its opcodes),
 * as data.
 *
 * The reader is a stack machine like Python's, but only the few globals of pickle-globals.ts do anything: any other is
 * a name, and what it makes is an empty instance of that name. No file can import or call anything. It takes at most
 * `maxOpcodes` steps and memory in proportion to `bytes`, and nothing in it recurses but the pickle of an array of
 * objects in a joblib dump, once. Like Python, it ignores what follows the end of the pickle.
 * @returns the value that the pickle describes; arrays are views of `bytes`.
 * @throws PickleRefusal with what is refused or damaged.
 */
export function readPickle(bytes: Uint8Array, maxOpcodes: number): PickledValue {
  const reader = new ByteReader(bytes, (message) => new PickleRefusal(`is damaged: ${message}`));
  return new Unpickler(reader, { budget: new ByteBudget(bytes.byteLength + ENCODE_SLACK), maxOpcodes, depth: 1 }).run();
}

interface UnpicklerLimits {
  readonly budget: ByteBudget;
  readonly maxOpcodes: number;
  readonly depth: number;
}

class Unpickler {
  readonly #reader: ByteReader;
  readonly #limits: UnpicklerLimits;
  readonly #memo = new Map<number, PickledValue>();
  #stack: PickledValue[] = [];
  /** The stacks that the open MARKs saved. */
  readonly #marked: PickledValue[][] = [];

  constructor(reader: ByteReader, limits: UnpicklerLimits) {
    this.#reader = reader;
    this.#limits = limits;
  }

  run(): PickledValue {
    if (this.#reader.uint8() !== OP.PROTO) throw new PickleRefusal('is not a pickle of protocol 2 to 5');
    const protocol = this.#reader.uint8();
    if (protocol < 2 || protocol > 5)
      throw new PickleRefusal(`is a pickle of protocol ${protocol}; only 2 to 5 are supported`);
    const { maxOpcodes } = this.#limits;
    for (let steps = 0; steps < maxOpcodes; steps++) {
      const opcode = this.#reader.uint8();
      if (opcode === OP.STOP) return this.#pop();
      this.#step(opcode);
    }
    throw new PickleRefusal(`has more than ${maxOpcodes} opcodes; what is read here needs far fewer`);
  }

  #step(opcode: number): void {
    const reader = this.#reader;
    const stack = this.#stack;
    switch (opcode) {
      case OP.FRAME:
        // A frame only tells a stream how much to read ahead.
        reader.uint64();
        return;
      case OP.NONE:
        stack.push(null);
        return;
      case OP.NEWTRUE:
        stack.push(true);
        return;
      case OP.NEWFALSE:
        stack.push(false);
        return;
      case OP.BININT:
        stack.push(reader.int32());
        return;
      case OP.BININT1:
        stack.push(reader.uint8());
        return;
      case OP.BININT2:
        stack.push(reader.uint16());
        return;
      case OP.LONG1:
        stack.push(this.#long(reader.uint8()));
        return;
      case OP.LONG4:
        stack.push(this.#long(reader.uint32()));
        return;
      default:
        this.#stepText(opcode);
    }
  }

  #stepText(opcode: number): void {
    const reader = this.#reader;
    const stack = this.#stack;
    switch (opcode) {
      case OP.SHORT_BINSTRING:
        stack.push(Buffer.from(reader.bytes(reader.uint8())).toString('latin1'));
        return;
      case OP.BINSTRING:
        stack.push(Buffer.from(reader.bytes(reader.uint32())).toString('latin1'));
        return;
      case OP.BINFLOAT:
        stack.push(reader.float64BigEndian());
        return;
      case OP.SHORT_BINUNICODE:
        stack.push(this.#text(reader.uint8()));
        return;
      case OP.BINUNICODE:
        stack.push(this.#text(reader.uint32()));
        return;
      case OP.BINUNICODE8:
        stack.push(this.#text(reader.uint64()));
        return;
      case OP.SHORT_BINBYTES:
        stack.push(reader.bytes(reader.uint8()));
        return;
      case OP.BINBYTES:
        stack.push(reader.bytes(reader.uint32()));
        return;
      case OP.BINBYTES8:
      case OP.BYTEARRAY8:
        stack.push(reader.bytes(reader.uint64()));
        return;
      case OP.BINPUT:
        this.#memo.set(reader.uint8(), this.#top());
        return;
      case OP.LONG_BINPUT:
        this.#memo.set(reader.uint32(), this.#top());
        return;
      case OP.MEMOIZE:
        this.#memo.set(this.#memo.size, this.#top());
        return;
      case OP.BINGET:
        stack.push(this.#recall(reader.uint8()));
        return;
      case OP.LONG_BINGET:
        stack.push(this.#recall(reader.uint32()));
        return;
      default:
        this.#stepContainer(opcode);
    }
  }

  #stepContainer(opcode: number): void {
    switch (opcode) {
      case OP.MARK:
        this.#marked.push(this.#stack);
        this.#stack = [];
        return;
      case OP.EMPTY_TUPLE:
        this.#stack.push(new PickledTuple([]));
        return;
      case OP.TUPLE:
        this.#pushTuple(this.#popMark());
        return;
      case OP.TUPLE1:
      case OP.TUPLE2:
      case OP.TUPLE3:
        this.#pushTuple(this.#popMany(opcode - OP.TUPLE1 + 1));
        return;
      case OP.POP:
        this.#pop();
        return;
      case OP.POP_MARK:
        this.#popMark();
        return;
      case OP.DUP:
        this.#stack.push(this.#top());
        return;
      case OP.EMPTY_LIST:
      case OP.EMPTY_SET:
        this.#stack.push([]);
        return;
      case OP.FROZENSET:
        this.#stack.push(this.#popMark());
        return;
      case OP.APPEND:
        this.#append([this.#pop()]);
        return;
      case OP.APPENDS:
      case OP.ADDITEMS:
        this.#append(this.#popMark());
        return;
      case OP.EMPTY_DICT:
        this.#stack.push(new Map());
        return;
      case OP.SETITEM:
        this.#setItems(this.#popMany(2));
        return;
      case OP.SETITEMS:
        this.#setItems(this.#popMark());
        return;
      default:
        this.#stepObject(opcode);
    }
  }

  #stepObject(opcode: number): void {
    switch (opcode) {
      case OP.GLOBAL:
        this.#pushGlobal(this.#reader.line(), this.#reader.line());
        return;
      case OP.STACK_GLOBAL: {
        const [module, name] = this.#popMany(2);
        if (typeof module !== 'string' || typeof name !== 'string')
          throw new PickleRefusal('is damaged: a global has no name');
        this.#pushGlobal(module, name);
        return;
      }
      case OP.REDUCE: {
        const [callee, args] = this.#popMany(2);
        this.#stack.push(this.#call(callee, args));
        return;
      }
      case OP.NEWOBJ:
      case OP.NEWOBJ_EX: {
        const [type, args] = this.#popMany(opcode === OP.NEWOBJ ? 2 : 3);
        const isPlain = args instanceof PickledTuple && args.items.length === 0;
        this.#stack.push(instanceOf(type, !isPlain));
        return;
      }
      case OP.BUILD: {
        const state = this.#pop();
        const target = this.#top();
        setState(target, state);
        if (target instanceof PickledInstance && target.className === JOBLIB_ARRAY) {
          this.#stack.pop();
          this.#stack.push(this.#joblibArray(target));
        }
        return;
      }
      default: {
        const refused = REFUSED[opcode];
        const code = `0x${opcode.toString(16).padStart(2, '0')}`;
        throw new PickleRefusal(
          refused === undefined
            ? `has opcode ${code}, which is not supported`
            : `uses ${refused}, which is not allowed`,
        );
      }
    }
  }

  /**
   * Reads the items that joblib writes right after the BUILD of an array's wrapper: if `numpy_array_alignment_bytes` is
   * set, one byte with the length of a padding and the padding, so that they can be mapped into memory; then the packed
   * items.
   */
  #joblibArray(wrapper: PickledInstance): NdArray | ObjectArray {
    const attribute = (name: string): PickledValue => wrapper.attributes?.get(name) ?? null;
    const type = attribute('dtype');
    const shape = attribute('shape');
    if (!isNdarrayClass(attribute('subclass')))
      throw new PickleRefusal(`has an array of class ${nameOf(attribute('subclass'))}, which is not allowed`);
    if (!(type instanceof Dtype)) throw new PickleRefusal('is damaged: a joblib array has no type');
    if (type.kind === 'O') return this.#nestedArray();
    if (attribute('numpy_array_alignment_bytes') !== null) this.#reader.bytes(this.#reader.uint8());
    const data = this.#reader.bytes(byteLength(shapeOf(shape), type));
    return arrayOf({ shape, type, order: attribute('order'), data });
  }

  /** An array of objects is a pickle of its own. */
  #nestedArray(): ObjectArray {
    const { depth } = this.#limits;
    if (depth >= MAX_DEPTH) throw new PickleRefusal('is damaged: it has arrays of objects within each other');
    const value = new Unpickler(this.#reader, { ...this.#limits, depth: depth + 1 }).run();
    if (!(value instanceof ObjectArray)) throw new PickleRefusal('is damaged: an array of objects is none');
    return value;
  }

  #call(callee: PickledValue, args: PickledValue): PickledValue {
    if (!(args instanceof PickledTuple)) throw new PickleRefusal('is damaged: a call has no arguments');
    if (callee instanceof PickledInstance) return new PickledInstance(callee.className);
    if (!(callee instanceof PickleGlobal) || (callee.isKnown && callee.call === undefined))
      throw new PickleRefusal(`calls ${nameOf(callee)}, which is not allowed`);
    return callee.call?.(args.items, this.#limits.budget) ?? new PickledInstance(callee.name);
  }

  #pushGlobal(module: string, name: string): void {
    this.#stack.push(globalOf(`${module}.${name}`));
  }

  #pushTuple(items: PickledValue[]): void {
    this.#stack.push(new PickledTuple(items));
  }

  /** What a class of another's does with an item is its own affair. */
  #append(items: readonly PickledValue[]): void {
    const list = this.#top();
    if (list instanceof PickledInstance) return;
    if (!Array.isArray(list)) throw new PickleRefusal('is damaged: it appends to what is not a list');
    for (const item of items) list.push(item);
  }

  /** Keys that are no text are left out: no attribute is called so. */
  #setItems(items: readonly PickledValue[]): void {
    const dict = this.#top();
    if (dict instanceof PickledInstance) return;
    if (!(dict instanceof Map) || items.length % 2 !== 0)
      throw new PickleRefusal('is damaged: it sets items of what is not a dict');
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i];
      if (typeof key === 'string') dict.set(key, items[i + 1]);
    }
  }

  #pop(): PickledValue {
    return this.#popMany(1)[0];
  }

  #popMany(count: number): PickledValue[] {
    if (this.#stack.length < count) throw new PickleRefusal('is damaged: its stack runs empty');
    return this.#stack.splice(-count).map(filled);
  }

  #popMark(): PickledValue[] {
    const items = this.#stack;
    const outer = this.#marked.pop();
    if (outer === undefined) throw new PickleRefusal('is damaged: its stack has no mark');
    this.#stack = outer;
    return items.map(filled);
  }

  #top(): PickledValue {
    const value = this.#stack.at(-1);
    if (value === undefined) throw new PickleRefusal('is damaged: its stack runs empty');
    return value;
  }

  #recall(index: number): PickledValue {
    const value = this.#memo.get(index);
    if (value === undefined)
      throw new PickleRefusal(`is damaged: it reads memo entry ${index}, which was never written`);
    return value;
  }

  #text(length: number): string | PickledText {
    if (length > DECODED_BYTES) return new PickledText(this.#reader.bytes(length));
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.#reader.bytes(length));
    } catch (cause) {
      if (!(cause instanceof TypeError)) throw cause;
      throw new PickleRefusal('is damaged: a text in it is not UTF-8', { cause });
    }
  }

  /** A two's complement little-endian integer; larger ones than 8 bytes are nothing that is read here. */
  #long(length: number): number | bigint | null {
    if (length > 8) {
      this.#reader.bytes(length);
      return null;
    }
    let value = 0n;
    this.#reader.bytes(length).forEach((byte, i) => (value |= BigInt(byte) << BigInt(8 * i)));
    const signed = BigInt.asIntN(8 * length, value);
    const number = Number(signed);
    return Number.isSafeInteger(number) ? number : signed;
  }
}

/** Replaces a reconstructed array by its contents once it has them. */
function filled(value: PickledValue): PickledValue {
  return value instanceof UnfilledArray ? (value.array ?? value) : value;
}
