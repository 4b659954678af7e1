/** The admin routes: the registry's changes over HTTP, each call with the id of its key in the audit trail. They exist only with ADMIN_API_KEYS. */
import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import { LightscoreError } from '../errors.js';
import type { Change } from '../registry/registry.js';
import { isVersionName } from '../store/versions.js';
import type { Access } from './access.js';
import type { Served } from './acceptor.js';
import { experimentView, modelsView } from './admin-view.js';
import type { BodyReader } from './body.js';
import type { Exchange } from './exchange.js';
import { explainMalformedJson, explainMismatch, quote } from './mismatch.js';
import type { ProblemCode, ProblemOptions } from './problem.js';
import type { ExperimentRequest } from './schemas.js';
import { validateExperimentRequest } from './validators.generated.js';

type AdminMethod = 'GET' | 'POST' | 'PUT' | 'DELETE';

export interface AdminRoute {
  readonly path: string;
  readonly methods: readonly AdminMethod[];
  readonly handle: (exchange: Exchange, req: HttpRequest, res: HttpResponse) => void;
}

/** What a handler may still read of a request when its body is there. */
interface AdminCall {
  readonly exchange: Exchange;
  readonly actor: string;
  readonly method: string;
  readonly path: string;
  readonly address: string;
  /** Undecoded, without the question mark. */
  readonly query: string;
  /** The `:version` of the path; empty where it has none. */
  readonly version: string;
  readonly res: HttpResponse;
  /** Of Content-Length, NaN without. */
  readonly declaredBytes: number;
}

/** @returns what the answer's JSON is made of */
type Action = (call: AdminCall) => object | Promise<object>;

class Refused extends Error {
  constructor(
    readonly code: ProblemCode,
    readonly options: ProblemOptions = {},
  ) {
    super(options.detail ?? code);
  }
}

/** Refused calls that are written down in a minute; the rest are counted. An audit trail must not be filled by whoever finds the port. */
const NOTED_PER_MINUTE = 60;

export class AdminRoutes {
  readonly routes: readonly AdminRoute[];
  #noted = 0;
  #unnoted = 0;
  #minute = 0;

  constructor(
    private readonly served: Served,
    private readonly bodies: BodyReader,
    private readonly access: Access,
    private readonly draining: () => boolean,
  ) {
    const { models, source } = served;
    this.routes = [
      this.#route('/admin/models', { GET: () => modelsView(models, source) }),
      this.#route('/admin/models/:version', { DELETE: ({ version, actor }) => this.#change(models.remove(versionName(version), actor)) }),
      this.#route('/admin/models/:version/load', { POST: ({ version, actor }) => this.#change(models.load(versionName(version), actor)) }),
      this.#route('/admin/models/:version/activate', { POST: ({ version, actor, query }) => this.#change(models.activate(versionName(version), actor, allowsFeatureChange(query))) }),
      this.#route('/admin/reload', { POST: ({ actor }) => this.#change(models.reload(actor)) }),
      this.#route('/admin/rollback', { POST: ({ actor }) => this.#change(models.rollback(actor)) }),
      this.#route('/admin/experiment', {
        GET: () => ({ experiment: experimentView(models.experiment, models) }),
        PUT: async (call) => this.#change(models.startExperiment(await this.#experimentOf(call), call.actor)),
        DELETE: ({ actor }) => this.#change(models.abortExperiment(actor)),
      }),
      this.#route('/admin/experiment/promote', { POST: ({ actor }) => this.#change(models.promote(actor)) }),
    ];
  }

  #route(path: string, actions: Readonly<Partial<Record<AdminMethod, Action>>>): AdminRoute {
    const methods = (['GET', 'POST', 'PUT', 'DELETE'] as const).filter((method) => actions[method] !== undefined);
    const actionOf = new Map<string, Action | undefined>(Object.entries(actions));
    return {
      path,
      methods,
      handle: (exchange, req, res) => {
        const method = req.getMethod().toUpperCase();
        const action = actionOf.get(method);
        const length = req.getHeader('content-length');
        const address = this.access.address(req, res);
        const id = this.access.identifyAdmin(exchange, req, res);
        if (id === undefined || action === undefined) {
          this.#noteRefused(method, path, address);
          return;
        }
        void this.#answer(action, {
          exchange, method, res, address,
          actor: `key:${id}`,
          path: req.getUrl(),
          query: req.getQuery() ?? '',
          version: path.includes(':version') ? (req.getParameter(0) ?? '') : '',
          declaredBytes: length === '' ? NaN : Number(length),
        });
      },
    };
  }

  async #answer(action: Action, call: AdminCall): Promise<void> {
    const { exchange, actor, method, path, address } = call;
    let refusal: Refused | undefined;
    let fault: unknown;
    let body = '';
    try {
      if (this.draining() && method !== 'GET') throw new Refused('DRAINING');
      body = JSON.stringify(await action(call));
    } catch (error) {
      refusal = refusalOf(error);
      fault = error;
    }
    await this.served.audit.append({
      event: 'admin_call', actor, method, path, address,
      outcome: refusal === undefined ? 'done' : 'refused',
      ...(refusal !== undefined && { reason: refusal.message, problem: refusal.code }),
    });
    if (refusal === undefined) exchange.json(body);
    else if (refusal.code === 'INTERNAL') exchange.fail(fault, refusal.options);
    else exchange.refuse(refusal.code, refusal.options);
  }

  async #change(change: Promise<Change>): Promise<object> {
    const { models } = this.served;
    return { ...(await change), champion: models.champion?.version ?? null, previous: models.previous?.version ?? null, challenger: models.experiment?.challenger.version ?? null };
  }

  async #experimentOf({ exchange, res, declaredBytes }: AdminCall): Promise<ExperimentRequest> {
    const text = await new Promise<string>((resolve, reject) => {
      this.bodies.read(res, exchange, declaredBytes, { onBytes: () => false, onBody: resolve, onBodyRefused: (code) => reject(new Refused(code)) });
    });
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch (error) {
      throw new Refused('MALFORMED_JSON', explainMalformedJson(text, error));
    }
    if (!validateExperimentRequest(body)) throw new Refused('INVALID_BODY', explainMismatch(validateExperimentRequest.errors, body));
    versionName(body.version);
    return body;
  }

  #noteRefused(method: string, path: string, address: string): void {
    const minute = Math.floor(Date.now() / 60_000);
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#noted = 0;
    }
    if (this.#noted >= NOTED_PER_MINUTE) {
      this.#unnoted++;
      return;
    }
    this.#noted++;
    void this.served.audit.append({ event: 'admin_call', actor: 'anonymous', method, path, address, outcome: 'refused', reason: 'no valid admin key', ...(this.#unnoted > 0 && { refused_without_entry: this.#unnoted }) });
    this.#unnoted = 0;
  }
}

function versionName(version: string): string {
  if (isVersionName(version)) return version;
  throw new Refused('VERSION_NOT_FOUND', { detail: `${quote(version)} cannot be the name of a version` });
}

function allowsFeatureChange(query: string): boolean {
  if (query === '') return false;
  const parameters = [...new URLSearchParams(query)];
  if (parameters.length === 1 && parameters[0][0] === 'allow_feature_change' && (parameters[0][1] === '1' || parameters[0][1] === '0')) return parameters[0][1] === '1';
  throw new Refused('INVALID_QUERY', { detail: 'the only query parameter is allow_feature_change, 0 or 1' });
}

function refusalOf(error: unknown): Refused {
  if (error instanceof Refused) return error;
  // An administrator is told which file and why; scoring clients never see these.
  const detail = error instanceof Error ? error.message : String(error);
  if (!(error instanceof LightscoreError)) return new Refused('INTERNAL');
  switch (error.code) {
    case 'LOAD_IN_PROGRESS': return new Refused('LOAD_IN_PROGRESS', { detail });
    case 'MODEL_CONFLICT': return new Refused('MODEL_CONFLICT', { detail });
    case 'VERSION_NOT_FOUND': return new Refused('VERSION_NOT_FOUND', { detail });
    case 'ARTIFACT_INVALID':
    case 'MODEL_UNSUPPORTED': return new Refused('MODEL_REFUSED', { detail });
    case 'STORE_UNREACHABLE': return new Refused('STORE_UNREACHABLE', { detail });
    default: return new Refused('INTERNAL', { detail });
  }
}
