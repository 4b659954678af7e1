/**
 * An acceptor: one uWebSockets.js app with its sockets, its routes and its bodies on their way in. It holds no global
 * state, so that there can be several.
 */
import uWS from 'uWebSockets.js';
import type { HttpRequest, HttpResponse, TemplatedApp, us_listen_socket } from 'uWebSockets.js';
import type { Config } from '../config/config.js';
import { LightscoreError } from '../errors.js';
import type { Batcher } from '../scoring/batcher.js';
import type { Regions } from '../scoring/memory.js';
import type { ScoringPool } from '../scoring/pool.js';
import type { TurnClock } from '../scoring/turn-clock.js';
import type { Limits } from '../acceptors/limits.js';
import type { Serving } from '../registry/serving.js';
import type { ShadowQueue } from '../scoring/shadow.js';
import type { PredictionLog } from '../telemetry/log.js';
import { METRICS_CONTENT_TYPE, type Metrics } from '../telemetry/metrics.js';
import { Access } from './access.js';
import { AdminRoutes } from '../protocols/operations/admin-routes.js';
import type { Administrator } from '../registry/administration.js';
import { BodyReader } from './body.js';
import { DOCS_PAGE } from '../contract/docs-page.js';
import { Exchange, type ExchangeHost } from './exchange.js';
import { openApiDocument } from '../contract/openapi.js';
import type { ProblemCode } from '../contract/problem.js';
import { RequestReader } from '../protocols/score/request-reader.js';
import { ScoreRoutes } from '../protocols/score/score-routes.js';

/** What an acceptor serves. */
export interface Served {
  readonly config: Config;
  readonly pool: ScoringPool<Regions>;
  readonly batcher: Batcher;
  readonly shadow: ShadowQueue;
  /** What answers now; undefined until a model is warm. */
  readonly serving: () => Serving | undefined;
  readonly administrator: Administrator;
  readonly limits: Limits;
  readonly metrics: Metrics;
  /** What `/metrics` answers. */
  readonly scrape: () => Promise<string>;
  readonly predictions: PredictionLog;
  readonly clock: TurnClock;
  /** Lightscore's own version. */
  readonly version: string;
  readonly logError: (error: unknown, route: string, requestId: string) => void;
}

// uWebSockets.js has these and this form of listen at run time; its types leave them out.
const LISTEN_SHARED = 0;
const LISTEN_EXCLUSIVE = 1;
interface ListeningApp {
  listen(host: string, port: number, options: number, done: (socket: us_listen_socket | false) => void): void;
}

/** @throws LightscoreError CONFIG_INVALID where the port cannot be had */
async function listenOn(app: TemplatedApp, host: string, port: number, options: number): Promise<us_listen_socket> {
  const socket = await new Promise<us_listen_socket | false>((resolve) => {
    (app as unknown as ListeningApp).listen(host, port, options, resolve);
  });
  if (socket === false)
    throw new LightscoreError(
      'CONFIG_INVALID',
      `cannot listen on ${host} port ${port}: another process may have it, or the address may not be this machine's`,
    );
  return socket;
}

/**
 * Makes sure that nobody listens on a port that acceptors are about to share: they would not notice a server that
 * shares it too.
 * @returns the port; a free one where 0 was asked for
 * @throws LightscoreError CONFIG_INVALID where somebody does
 */
export async function probePort(host: string, port: number): Promise<number> {
  const socket = await listenOn(uWS.App(), host, port, LISTEN_EXCLUSIVE);
  const found = uWS.us_socket_local_port(socket);
  uWS.us_listen_socket_close(socket);
  return found;
}

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
type Handle = (exchange: Exchange, req: HttpRequest, res: HttpResponse) => void;

const APP_METHODS = { GET: 'get', HEAD: 'head', POST: 'post', PUT: 'put', DELETE: 'del' } as const;

export class Acceptor implements ExchangeHost {
  readonly #app: TemplatedApp;
  readonly #bodies: BodyReader;
  readonly #access: Access;
  #socket: us_listen_socket | undefined;
  #port = 0;
  #draining = false;
  #inFlight = 0;
  #whenIdle: (() => void) | undefined;

  constructor(private readonly served: Served) {
    const { config } = served;
    const { tls } = config.http;
    this.#app =
      tls === undefined ? uWS.App() : uWS.SSLApp({ cert_file_name: tls.certFile, key_file_name: tls.keyFile });
    this.#bodies = new BodyReader(config.http.maxBodyBytes, served.limits.partialBytes);
    this.#access = new Access(config, served.limits.rate);
    this.#addRoutes();
  }

  /** The port listened on, also where 0 was asked for. */
  get port(): number {
    return this.#port;
  }

  /**
   * @param port by default as configured
   * @throws LightscoreError CONFIG_INVALID where the port cannot be had
   */
  async listen(port = this.served.config.http.port): Promise<void> {
    const { host, acceptors } = this.served.config.http;
    // Without this option a second server started by mistake would silently take half of the traffic.
    const options = acceptors > 1 ? LISTEN_SHARED : LISTEN_EXCLUSIVE;
    const socket = await listenOn(this.#app, host, port, options);
    this.#socket = socket;
    this.#port = uWS.us_socket_local_port(socket);
  }

  /** From now on `/readyz` answers 503 and connections are closed behind their answers. */
  startDraining(): void {
    this.#draining = true;
  }

  /** Takes no new connections and resolves when every request under way has its answer. */
  async drained(): Promise<void> {
    if (this.#socket !== undefined) uWS.us_listen_socket_close(this.#socket);
    this.#socket = undefined;
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
  }

  close(): void {
    if (this.#socket !== undefined) uWS.us_listen_socket_close(this.#socket);
    this.#socket = undefined;
    this.#bodies.close();
    this.#app.close();
  }

  #addRoutes(): void {
    const { served } = this;
    const scores = new ScoreRoutes(
      served,
      this.#bodies,
      this.#access,
      new RequestReader(served.pool.memory, served.pool.kernels.text, served.config.http.maxBatchRows),
    );
    this.#route('/score', ['POST'], (exchange, req, res) => scores.score(exchange, req, res));
    this.#route('/score_batch', ['POST'], (exchange, req, res) => scores.scoreBatch(exchange, req, res));
    this.#route('/healthz', ['GET', 'HEAD'], (exchange) => exchange.json(this.#health()));
    this.#route('/livez', ['GET', 'HEAD'], (exchange) => exchange.json('{"status":"alive"}'));
    this.#route('/readyz', ['GET', 'HEAD'], (exchange) => {
      if (this.#draining) exchange.refuse('DRAINING');
      else if (served.serving() === undefined) exchange.refuse('NOT_READY');
      else exchange.json('{"status":"ready"}');
    });
    this.#route('/metrics', ['GET', 'HEAD'], (exchange, req) => {
      if (served.config.access.metricsAuth && this.#access.refuseWithoutKey(exchange, req)) return;
      served.scrape().then(
        (text) => exchange.send('200 OK', text, [['Content-Type', METRICS_CONTENT_TYPE]]),
        (error: unknown) => {
          exchange.fail(error);
        },
      );
    });
    this.#route('/openapi.json', ['GET', 'HEAD'], (exchange) => exchange.json(this.#openapi()));
    this.#route('/docs', ['GET', 'HEAD'], (exchange) => exchange.send('200 OK', DOCS_PAGE.html, DOCS_PAGE.headers));
    if (served.config.access.adminApiKeys.length > 0) {
      const admin = new AdminRoutes(served.administrator, this.#bodies, this.#access, () => this.#draining);
      for (const { path, methods, handle } of admin.routes) this.#route(path, methods, handle);
    }
    this.#app.any('/*', (res, req) => this.#exchange(res, 'other', req.getMethod().toUpperCase()).refuse('NOT_FOUND'));
  }

  #route(path: string, methods: readonly Method[], handle: Handle): void {
    const run =
      (method: string) =>
      (res: HttpResponse, req: HttpRequest): void => {
        const exchange = this.#exchange(res, path, method);
        try {
          handle(exchange, req, res);
        } catch (error) {
          exchange.fail(error);
        }
      };
    for (const method of methods) this.#app[APP_METHODS[method]](path, run(method));
    this.#app.any(path, (res, req) =>
      this.#exchange(res, path, req.getMethod().toUpperCase()).refuse('METHOD_NOT_ALLOWED', { allow: methods }),
    );
  }

  #exchange(res: HttpResponse, route: string, method: string): Exchange {
    this.#inFlight++;
    return new Exchange(res, route, this, method === 'HEAD');
  }

  answered(route: string, status: number): void {
    this.served.metrics.answered(route, status);
  }

  refused(code: ProblemCode): void {
    this.served.metrics.refused(code);
  }

  failed(error: unknown, route: string, requestId: string): void {
    this.served.logError(error, route, requestId);
  }

  over(): void {
    this.#inFlight--;
    if (this.#inFlight === 0) this.#whenIdle?.();
  }

  get draining(): boolean {
    return this.#draining;
  }

  #openapi(): string {
    const { config, version } = this.served;
    const card = this.served.serving()?.champion.card;
    return JSON.stringify(
      openApiDocument({
        version,
        ...(card !== undefined && {
          model: {
            modelVersion: card.modelVersion,
            calibrationVersion: card.calibrationVersion,
            featureNames: card.featureNames,
            features: card.exampleRow,
          },
        }),
        scoringNeedsKey: config.access.apiKeys.length > 0,
        metricsNeedsKey: config.access.metricsAuth,
        administered: config.access.adminApiKeys.length > 0,
      }),
    );
  }

  #health(): string {
    const card = this.served.serving()?.champion.card;
    return JSON.stringify({
      status: 'healthy',
      model_loaded: card !== undefined,
      model_version: card?.modelVersion ?? null,
      calibration_version: card?.calibrationVersion ?? null,
      timestamp: new Date().toISOString(),
    });
  }
}
