/**
 * Carries out the calls of the admin routes, and records each with the id of its key in the audit trail. It runs on the
 * registry's thread; the calls come from the admin routes of this thread or of an acceptor's.
 */
import type { AuditEvent } from '../audit/chain.js';
import type { AuditTrail } from '../audit/trail.js';
import { LightscoreError, messageOf } from '../errors.js';
import type { Change, ModelRegistry } from './registry.js';
import type { VersionSource } from './source.js';
import { isVersionName } from '../store/version-name.js';
import { experimentView, modelsView } from './admin-view.js';
import { readBody } from '../contract/malformed.js';
import { explainMismatch } from '../contract/mismatch.js';
import type { ProblemCode, ProblemOptions } from '../contract/problem.js';
import { readQuery } from '../contract/query.js';
import { type ExperimentRequest, experimentRequestSchema } from '../contract/schemas.js';
import { validateExperimentRequest } from '../contract/validators.generated.js';
import { quote } from '../quote.js';

/** A call with a valid admin key. It is plain data, so that it can be sent between threads. */
export interface AdminCall {
  readonly method: string;
  /** The pattern of the route, `/admin/models/:version`. */
  readonly route: string;
  readonly actor: string;
  /** As it was sent. */
  readonly path: string;
  readonly address: string;
  /** Undecoded, without the question mark. */
  readonly query: string;
  readonly requestId: string | undefined;
  /** The `:version` in the path, decoded once; empty if the route has none. */
  readonly version: string;
  /** Undefined for routes without a body. */
  readonly body: { readonly text: string } | { readonly refused: ProblemCode } | undefined;
}

/** The answer to a call, as plain data. A `fault` is an internal error, which goes to the log and not to the client. */
export type AdminAnswer =
  | { readonly json: string }
  | { readonly refused: ProblemCode; readonly options: ProblemOptions }
  | { readonly fault: unknown; readonly options: ProblemOptions };

/** A call that was refused for want of a valid key. */
export interface RefusedCall extends Pick<AdminCall, 'method' | 'path' | 'query' | 'address' | 'requestId'> {
  /** The id of a key that is valid elsewhere. */
  readonly key?: string | undefined;
}

export interface Administrator {
  call(call: AdminCall): Promise<AdminAnswer>;
  /** Records a call that was refused because it had no valid key. */
  noteRefused(call: RefusedCall): void;
}

/** What a route does with a call that it takes. */
interface Action {
  /** The names of the query parameters it takes; none if absent. */
  readonly takes?: readonly string[];
  /** Returns the value of the answer's JSON. */
  readonly run: (call: AdminCall, query: ReadonlyMap<string, string>) => object | Promise<object>;
}

class Refused extends Error {
  constructor(
    readonly code: ProblemCode,
    readonly options: ProblemOptions = {},
  ) {
    super(options.detail ?? code);
  }
}

/**
 * How many calls without a valid key are recorded per minute; further ones are only counted. Otherwise anyone who
 * reaches the port could fill the audit trail.
 */
const MAX_RECORDED_PER_MINUTE = 60;
const MAX_RECORDED_CHARACTERS = 500;

export interface AdministrationParts {
  readonly models: ModelRegistry;
  readonly source: VersionSource;
  readonly audit: AuditTrail;
  /** AUDIT_REQUIRED. */
  readonly isAuditRequired: boolean;
  readonly isDraining: () => boolean;
}

export class Administration implements Administrator {
  readonly #models: ModelRegistry;
  readonly #audit: AuditTrail;
  /** AUDIT_REQUIRED. */
  readonly #isAuditRequired: boolean;
  readonly #isDraining: () => boolean;
  readonly #actions: ReadonlyMap<string, Action>;
  /** Calls without a valid key: recorded in this minute, and not recorded since the last entry. */
  #recorded = 0;
  #unrecorded = 0;
  #minute = 0;

  constructor({ models, source, audit, isAuditRequired, isDraining }: AdministrationParts) {
    this.#models = models;
    this.#audit = audit;
    this.#isAuditRequired = isAuditRequired;
    this.#isDraining = isDraining;
    this.#actions = new Map<string, Action>([
      ['GET /admin/models', { run: () => modelsView(models, source) }],
      [
        'DELETE /admin/models/:version',
        { run: ({ version, actor }) => this.#change(models.remove(versionName(version), { actor })) },
      ],
      [
        'POST /admin/models/:version/load',
        { run: ({ version, actor }) => this.#change(models.load(versionName(version), { actor })) },
      ],
      [
        'POST /admin/models/:version/activate',
        {
          takes: ['allow_feature_change'],
          run: ({ version, actor }, query) => {
            const allowFeatureChange = allowsFeatureChange(query);
            return this.#change(models.activate(versionName(version), { actor, allowFeatureChange }));
          },
        },
      ],
      ['DELETE /admin/load', { run: ({ actor }) => this.#change(models.cancelLoad(actor)) }],
      ['POST /admin/reload', { run: ({ actor }) => this.#change(models.reload(actor)) }],
      ['POST /admin/rollback', { run: ({ actor }) => this.#change(models.rollback(actor)) }],
      ['GET /admin/experiment', { run: () => ({ experiment: experimentView(models.experiment, models) }) }],
      [
        'PUT /admin/experiment',
        {
          run: (call) => {
            const { replaces, ...challenger } = experimentOf(call);
            return this.#change(models.startExperiment(challenger, call.actor, replaces));
          },
        },
      ],
      ['DELETE /admin/experiment', { run: ({ actor }) => this.#change(models.abortExperiment(actor)) }],
      [
        'POST /admin/experiment/promote',
        {
          takes: ['version'],
          run: ({ actor }, query) => this.#change(models.promote(actor, expectedVersion(query))),
        },
      ],
    ]);
  }

  async call(call: AdminCall): Promise<AdminAnswer> {
    const { method, route } = call;
    const entry = entryOf(call, call.actor);
    let answer: AdminAnswer;
    let refusal: Refused | undefined;
    try {
      const action = this.#actions.get(`${method} ${route}`);
      if (action === undefined) throw new RangeError(`there is no ${method} ${route}`);
      if (this.#isDraining() && method !== 'GET') throw new Refused('DRAINING');
      const read = readQuery(call.query, action.takes ?? []);
      if ('fault' in read) throw new Refused('INVALID_QUERY', read.fault);
      if (this.#isAuditRequired && method !== 'GET' && !(await this.#audit.append({ ...entry, outcome: 'begun' })))
        throw new Refused('AUDIT_UNAVAILABLE');
      answer = { json: JSON.stringify(await action.run(call, read.values)) };
    } catch (error) {
      refusal = refusalOf(error);
      const { code, options } = refusal;
      answer = code === 'INTERNAL' ? { fault: error, options } : { refused: code, options };
    }
    const isWritten = await this.#audit.append({
      ...entry,
      outcome: refusal === undefined ? 'done' : 'refused',
      ...(refusal !== undefined && { reason: refusal.message, problem: refusal.code }),
    });
    // What has changed is answered as it is: its first entry is on disk.
    if (this.#isAuditRequired && !isWritten && method === 'GET') return { refused: 'AUDIT_UNAVAILABLE', options: {} };
    return answer;
  }

  noteRefused(call: RefusedCall): void {
    const minute = Math.floor(Date.now() / 60_000);
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#recorded = 0;
    }
    if (this.#recorded >= MAX_RECORDED_PER_MINUTE) {
      this.#unrecorded++;
      return;
    }
    this.#recorded++;
    void this.#audit.append({
      ...entryOf(call, call.key === undefined ? 'anonymous' : `key:${call.key} (scoring)`),
      outcome: 'refused',
      reason: call.path === '/metrics' ? 'no valid key' : 'no valid admin key',
      ...(this.#unrecorded > 0 && { refused_without_entry: this.#unrecorded }),
    });
    this.#unrecorded = 0;
  }

  async #change(change: Promise<Change>): Promise<object> {
    const models = this.#models;
    return {
      ...(await change),
      champion: models.champion?.version ?? null,
      previous: models.previous?.version ?? null,
      challenger: models.experiment?.challenger.version ?? null,
    };
  }
}

/** What every entry says of a call. A caller without a key must not fill the trail: what it sends is cut. */
function entryOf(
  { method, path, query, address, requestId }: RefusedCall,
  actor: string,
): Omit<AuditEvent, 'outcome'> & {
  readonly event: string;
  readonly actor: string;
} {
  return {
    event: 'admin_call',
    actor,
    method,
    path: path.slice(0, MAX_RECORDED_CHARACTERS),
    ...(query !== '' && { query: query.slice(0, MAX_RECORDED_CHARACTERS) }),
    address,
    ...(requestId !== undefined && { request_id: requestId }),
  };
}

function experimentOf({ body: sent }: AdminCall): ExperimentRequest {
  if (sent !== undefined && 'refused' in sent) throw new Refused(sent.refused);
  const read = readBody(sent?.text ?? '');
  if ('fault' in read) throw new Refused('MALFORMED_JSON', read.fault);
  const { body } = read;
  if (!validateExperimentRequest(body))
    throw new Refused('INVALID_BODY', explainMismatch(validateExperimentRequest.errors, body, experimentRequestSchema));
  return body;
}

function versionName(version: string): string {
  if (isVersionName(version)) return version;
  throw new Refused('VERSION_NOT_FOUND', { detail: `${quote(version)} is not a valid version name` });
}

function allowsFeatureChange(query: ReadonlyMap<string, string>): boolean {
  const value = query.get('allow_feature_change') ?? '0';
  if (value === '0' || value === '1') return value === '1';
  throw new Refused('INVALID_QUERY', { detail: `allow_feature_change must be 0 or 1, not ${quote(value)}` });
}

/** The challenger that `promote` is meant for; undefined for any. */
function expectedVersion(query: ReadonlyMap<string, string>): string | undefined {
  const version = query.get('version');
  if (version === undefined || isVersionName(version)) return version;
  throw new Refused('INVALID_QUERY', { detail: `version must be the name of a version, not ${quote(version)}` });
}

function refusalOf(error: unknown): Refused {
  if (error instanceof Refused) return error;
  // These details name files and reasons. Only administrators see them, never scoring clients.
  const detail = messageOf(error);
  if (!(error instanceof LightscoreError)) return new Refused('INTERNAL');
  switch (error.code) {
    case 'LOAD_IN_PROGRESS':
      return new Refused('LOAD_IN_PROGRESS', { detail });
    case 'MODEL_CONFLICT':
      return new Refused('MODEL_CONFLICT', { detail });
    case 'VERSION_NOT_FOUND':
      return new Refused('VERSION_NOT_FOUND', { detail });
    case 'ARTIFACT_INVALID':
    case 'MODEL_UNSUPPORTED':
      return new Refused('MODEL_REFUSED', { detail });
    case 'STORE_UNREACHABLE':
      return new Refused('STORE_UNREACHABLE', { detail });
    default:
      return new Refused('INTERNAL', { detail });
  }
}
