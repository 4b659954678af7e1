/**
 * The admin routes on an acceptor: who calls, and what; `Administration` answers. They exist only with ADMIN_API_KEYS.
 */
import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import type { Access } from '../../http/access.js';
import type { AdminCall, Administrator } from '../../registry/administration.js';
import type { BodyReader } from '../../http/body.js';
import type { Exchange } from '../../http/exchange.js';

type AdminMethod = 'GET' | 'POST' | 'PUT' | 'DELETE';

export interface AdminRoute {
  readonly path: string;
  readonly methods: readonly AdminMethod[];
  readonly handle: (exchange: Exchange, req: HttpRequest, res: HttpResponse) => void;
}

const ROUTES: readonly { readonly path: string; readonly methods: readonly AdminMethod[] }[] = [
  { path: '/admin/models', methods: ['GET'] },
  { path: '/admin/models/:version', methods: ['DELETE'] },
  { path: '/admin/models/:version/load', methods: ['POST'] },
  { path: '/admin/models/:version/activate', methods: ['POST'] },
  { path: '/admin/reload', methods: ['POST'] },
  { path: '/admin/rollback', methods: ['POST'] },
  { path: '/admin/experiment', methods: ['GET', 'PUT', 'DELETE'] },
  { path: '/admin/experiment/promote', methods: ['POST'] },
];

export class AdminRoutes {
  readonly routes: readonly AdminRoute[];

  constructor(
    private readonly administrator: Administrator,
    private readonly bodies: BodyReader,
    private readonly access: Access,
    private readonly draining: () => boolean,
  ) {
    this.routes = ROUTES.map(({ path, methods }) => ({
      path,
      methods,
      handle: (exchange, req, res) => this.#handle(path, exchange, req, res),
    }));
  }

  #handle(route: string, exchange: Exchange, req: HttpRequest, res: HttpResponse): void {
    const method = req.getMethod().toUpperCase();
    const length = req.getHeader('content-length');
    const address = this.access.address(req, res);
    const id = this.access.identifyAdmin(exchange, req, res);
    if (id === undefined) {
      this.administrator.noteRefused(method, route, address);
      return;
    }
    const call: AdminCall = {
      method,
      route,
      address,
      actor: `key:${id}`,
      path: req.getUrl(),
      query: req.getQuery() ?? '',
      version: route.includes(':version') ? (req.getParameter(0) ?? '') : '',
      body: undefined,
    };
    // Only an experiment is described by a body; nobody waits for it once the server drains.
    if (method !== 'PUT' || this.draining()) void this.#answer(exchange, call);
    else {
      this.bodies.read(res, exchange, length === '' ? NaN : Number(length), {
        onBytes: () => false,
        onBody: (text) => void this.#answer(exchange, { ...call, body: { text } }),
        onBodyRefused: (code) => void this.#answer(exchange, { ...call, body: { refused: code } }),
      });
    }
  }

  async #answer(exchange: Exchange, call: AdminCall): Promise<void> {
    try {
      const answer = await this.administrator.call(call);
      if ('json' in answer) exchange.json(answer.json);
      else if ('refused' in answer) exchange.refuse(answer.refused, answer.options);
      else exchange.fail(answer.fault, answer.options);
    } catch (error) {
      exchange.fail(error);
    }
  }
}
