/** Cross-origin requests (CORS): which pages may call this server from a browser. Never for the admin routes. */
import type { Headers } from './answer.js';
import type { RequestHead } from './request-head.js';
import type { Method } from './route.js';

/** How long a browser may remember a preflight, in seconds. */
const MAX_AGE_SECONDS = '600';
/** Headers of an answer that a page may read beyond the plain ones. */
const EXPOSED = 'X-Request-ID, Retry-After';
const DEFAULT_HEADERS = 'Content-Type, X-API-Key, Authorization, X-Request-ID, X-Experiment-Key, traceparent';

export class CorsPolicy {
  readonly #origins: ReadonlySet<string>;
  readonly #any: boolean;

  /** @param origins CORS_ORIGINS; `*` is any */
  constructor(origins: readonly string[]) {
    this.#origins = new Set(origins);
    this.#any = this.#origins.has('*');
  }

  /** No page may: no header needs to be looked at. */
  get isOff(): boolean {
    return this.#origins.size === 0;
  }

  /** What an answer carries for the page that asks; undefined where none asks, or it may not. */
  headersFor(route: string, head: RequestHead): Headers | undefined {
    const origin = head.header('origin');
    if (origin === '' || route.startsWith('/admin')) return undefined;
    // Caches must not hand the answer for one origin to another.
    if (!this.#any && !this.#origins.has(origin)) return [['Vary', 'Origin']];
    return [
      ['Access-Control-Allow-Origin', this.#any ? '*' : origin],
      ['Access-Control-Expose-Headers', EXPOSED],
      ...(this.#any ? [] : [['Vary', 'Origin'] as const]),
    ];
  }

  /** Whether a request only asks if another one would be permitted. */
  isPreflight(head: RequestHead): boolean {
    return head.method === 'OPTIONS' && head.header('access-control-request-method') !== '';
  }

  /** What the answer to a preflight carries beyond `headersFor`. */
  preflightHeaders(methods: readonly Method[], head: RequestHead): Headers {
    const asked = head.header('access-control-request-headers');
    return [
      ['Access-Control-Allow-Methods', methods.join(', ')],
      ['Access-Control-Allow-Headers', asked === '' ? DEFAULT_HEADERS : asked],
      ['Access-Control-Max-Age', MAX_AGE_SECONDS],
    ];
  }
}
