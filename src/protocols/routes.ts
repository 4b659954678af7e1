/** All routes of the server. */
import type { Route } from '../http/route.js';
import type { RouteContext } from './context.js';
import { adminRoutes } from './operations/admin-routes.js';
import { documentRoutes } from './operations/document-routes.js';
import { probeRoutes } from './operations/probe-routes.js';
import { scoreRoutes } from './score/score-routes.js';

export function allRoutes(context: RouteContext): Route[] {
  return [...scoreRoutes(context), ...probeRoutes(context), ...documentRoutes(context), ...adminRoutes(context)];
}
