/** What a request says before its body, whichever transport received it. Valid until the route's handler returns. */
export interface RequestHead {
  /** In upper case. */
  readonly method: string;
  /** As sent, undecoded, without the query. */
  readonly path: string;
  /** Undecoded, without the question mark; empty without one. */
  readonly query: string;
  /** Content-Length; NaN without one. */
  readonly contentLength: number;
  /** `Expect`; empty without one. */
  readonly expectation: string;
  /**
   * The value of a header, one character a byte; the first where it is repeated, empty where it is absent.
   * @param name in lower case
   */
  header(name: string): string;
  /** All values of a header in their order, joined by commas. @param name in lower case */
  list(name: string): string;
  /** A segment of the path that the route left open, decoded once. @param index from 0, in the order of the path */
  parameter(index: number): string;
}
