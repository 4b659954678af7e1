/**
 * The admin routes. They check the admin key and read the request; `Administration` carries it out. They exist only if
 * ADMIN_API_KEYS is set.
 */
import type { Exchange } from '../../http/exchange.js';
import type { RequestHead } from '../../http/request-head.js';
import type { Method, Route } from '../../http/route.js';
import type { AdminCall, Administrator } from '../../registry/administration.js';
import { isJson } from '../content-type.js';
import type { RouteContext } from '../context.js';

const ROUTES: readonly { readonly path: string; readonly methods: readonly Method[] }[] = [
  { path: '/admin/models', methods: ['GET'] },
  { path: '/admin/models/:version', methods: ['DELETE'] },
  { path: '/admin/models/:version/load', methods: ['POST'] },
  { path: '/admin/models/:version/activate', methods: ['POST'] },
  { path: '/admin/load', methods: ['DELETE'] },
  { path: '/admin/reload', methods: ['POST'] },
  { path: '/admin/rollback', methods: ['POST'] },
  { path: '/admin/experiment', methods: ['GET', 'PUT', 'DELETE'] },
  { path: '/admin/experiment/promote', methods: ['POST'] },
];

export function adminRoutes(context: RouteContext): Route[] {
  if (context.config.access.adminApiKeys.length === 0) return [];
  return ROUTES.map(({ path, methods }) => ({
    path,
    methods,
    handle: (exchange, head) => receive(context, exchange, head),
  }));
}

function receive(context: RouteContext, exchange: Exchange, head: RequestHead): void {
  const { access, administrator, bodies, isDraining } = context;
  const { route } = exchange;
  const { method } = head;
  const address = access.address(exchange, head);
  const { requestId } = exchange;
  const found = access.identifyAdmin(exchange, head);
  if (!('id' in found)) {
    administrator.noteRefused({ method, path: head.path, query: head.query, address, requestId, key: found.otherKey });
    return;
  }
  const call: AdminCall = {
    method,
    route,
    address,
    requestId,
    actor: `key:${found.id}`,
    path: head.path,
    query: head.query,
    version: route.includes(':version') ? head.parameter(0) : '',
    body: undefined,
  };
  // Only PUT /admin/experiment has a body. A draining server refuses it, so the body is not read.
  if (method !== 'PUT' || isDraining()) void answer(administrator, exchange, call);
  else if (!isJson(head.header('content-type')))
    void answer(administrator, exchange, { ...call, body: { refused: 'UNSUPPORTED_MEDIA_TYPE' } });
  else {
    bodies.read(exchange, head, {
      onBytes: () => false,
      onBody: (text) => void answer(administrator, exchange, { ...call, body: { text } }),
      onBodyRefused: ({ code }) => void answer(administrator, exchange, { ...call, body: { refused: code } }),
    });
  }
}

async function answer(administrator: Administrator, exchange: Exchange, call: AdminCall): Promise<void> {
  try {
    const answered = await administrator.call(call);
    if ('json' in answered) exchange.json(answered.json);
    else if ('refused' in answered) exchange.refuse(answered.refused, answered.options);
    else exchange.fail(answered.fault, answered.options);
  } catch (error) {
    exchange.fail(error);
  }
}
