/** Types for the part of autocannon that the scenarios use; the package has none. */
declare module 'autocannon' {
  interface Request {
    method: 'POST';
    path: string;
    headers: Record<string, string>;
    body: string;
    onResponse(status: number, body: string): void;
  }

  interface Options {
    url: string;
    connections: number;
    /** Seconds. */
    duration: number;
    /** Requests a second over all connections. */
    overallRate?: number;
    requests: Request[];
  }

  interface Result {
    requests: { total: number; average: number };
    /** Milliseconds. */
    latency: { p50: number; p97_5: number; p99: number; max: number };
    errors: number;
    timeouts: number;
    non2xx: number;
  }

  export default function autocannon(options: Options): PromiseLike<Result>;
}
