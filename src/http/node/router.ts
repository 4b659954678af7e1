/** Finds the route of a path, for a transport that has no router of its own. */
import type { Route } from '../route.js';

export interface FoundRoute {
  readonly route: Route;
  /** The open segments of the path, undecoded. */
  readonly parameters: readonly string[];
}

const NO_PARAMETERS: readonly string[] = [];

export class Router {
  /** Routes without open segments, by path. */
  readonly #fixed = new Map<string, FoundRoute>();
  readonly #open: { readonly pattern: RegExp; readonly route: Route }[] = [];

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      if (route.path.includes('/:')) this.#open.push({ pattern: patternOf(route.path), route });
      else this.#fixed.set(route.path, { route, parameters: NO_PARAMETERS });
    }
  }

  /** Undefined where no route has this path. */
  find(path: string): FoundRoute | undefined {
    const fixed = this.#fixed.get(path);
    if (fixed !== undefined) return fixed;
    for (const { pattern, route } of this.#open) {
      const match = pattern.exec(path);
      if (match !== null) return { route, parameters: match.slice(1) };
    }
    return undefined;
  }
}

function patternOf(path: string): RegExp {
  const segments = path.split('/').map((segment) => (segment.startsWith(':') ? '([^/]+)' : segment));
  return new RegExp(`^${segments.join('/')}$`);
}
