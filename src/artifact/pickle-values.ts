/** The values that the pickle reader builds, and its errors and limits. */
import type { Dtype, NdArray } from './numpy.js';

/** What a pickle may build: plain data, numpy arrays, and instances of the allowed classes with their attributes. */
export type PickledValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickledValue[]
  | PickledTuple
  | PickledDict
  | PickleGlobal
  | PickledInstance
  | PickledText
  | ObjectArray
  | UnfilledArray
  | Dtype
  | NdArray;

export type PickledDict = Map<string, PickledValue>;

export class PickledTuple {
  constructor(readonly items: readonly PickledValue[]) {}
}

/** A long text, such as a model's: UTF-8 that is not decoded. */
export class PickledText {
  constructor(readonly bytes: Uint8Array) {}
}

/** A numpy array of Python objects. */
export class ObjectArray {
  constructor(readonly items: readonly PickledValue[]) {}
}

/** An instance of a class: its attributes, and none of its behaviour. */
export class PickledInstance {
  attributes: PickledDict | undefined;

  constructor(readonly className: string) {}
}

/** The result of `numpy._reconstruct`: an array whose shape, type and items come with the BUILD that follows. */
export class UnfilledArray {
  array: NdArray | ObjectArray | undefined;
}

/**
 * A module-level name that a pickle refers to. A known one is a function that it may call, or a class that it may
 * instantiate. What an unknown one makes is an instance of that name, and nothing else happens.
 */
export class PickleGlobal {
  constructor(
    readonly name: string,
    readonly call: ((args: readonly PickledValue[], budget: ByteBudget) => PickledValue) | undefined,
    readonly instantiable: boolean,
    readonly isKnown = true,
  ) {}
}

/** Why a pickle is refused, without the file name, which the caller adds. */
export class PickleRefusal extends Error {}

/** Limits the bytes that calls in a pickle allocate: otherwise a short file could encode one long string many times. */
export class ByteBudget {
  #left: number;

  constructor(left: number) {
    this.#left = left;
  }

  spend(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) throw new PickleRefusal('expands to far more data than its size');
  }
}

/** Makes a name that comes from the file one short line of plain characters. */
export function printable(name: string): string {
  const plain = name.replaceAll(/[^\x21-\x7e]/g, '?');
  return plain.length > 120 ? `${plain.slice(0, 120)}...` : plain;
}
