/** An answer as a transport writes it. */

export type Headers = readonly (readonly [name: string, value: string])[];

export interface Answer {
  /** Code and reason: "200 OK". */
  readonly status: string;
  readonly headers: Headers;
  readonly body: string | Uint8Array;
  /** Close the connection behind it. */
  readonly last: boolean;
  /** HEAD: everything but the body. */
  readonly withoutBody: boolean;
}
