/**
 * The models of this server (champion, previous, challenger and others that are loaded) and the changes between them.
 * `loading/pipeline.ts` loads them. Every change of the models that serve is one assignment of `#serving`, on this
 * thread.
 *
 * Only one load runs at a time; a second request to load is refused. Changes that need no load (rollback, activation of
 * a warm version, promotion, end of an experiment) never wait for one. If the served version changes during a load, the
 * loaded version does not replace it.
 */
import type { AuditEvent } from '../audit/chain.js';
import type { AuditTrail } from '../audit/trail.js';
import type { Challenger } from '../config/config.js';
import { LightscoreError, messageOf } from '../errors.js';
import { type WarmingScorer } from '../loading/warm-up.js';
import type { ModelLoader } from '../loading/loader.js';
import type { LoadedImage } from '../loading/messages.js';
import type { ServedModel } from '../scoring/served-model.js';
import type { Logger } from '../telemetry/log.js';
import type { Metrics, SwapKind } from '../telemetry/metrics.js';
import { listNames, missingNames, requestNamesAfter } from './features.js';
import { ModelVersion } from './model-version.js';
import type { Serving } from './serving.js';
import type { NamedVersion, VersionSource } from './source.js';
import { loadModel } from '../loading/pipeline.js';

export interface RegistryParts {
  readonly source: VersionSource;
  readonly loader: ModelLoader;
  readonly pool: WarmingScorer;
  /**
   * Sends `serving` to acceptors on other threads; resolves when all of them use it. Absent if there are none, and the
   * acceptor reads `serving`.
   */
  readonly propagate?: (serving: Serving) => Promise<void>;
  readonly audit: AuditTrail;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** The outcome of a change that was not refused. */
export interface Change {
  readonly outcome: 'loaded' | 'activated' | 'unchanged' | 'held' | 'deleted' | 'started' | 'ended' | 'cancelled';
  readonly version: string;
  readonly detail: string;
}

export interface RunningExperiment {
  readonly challenger: ModelVersion;
  readonly mode: Challenger['mode'];
  readonly share: number;
  readonly startedAt: Date;
  readonly actor: string;
}

/** Who asked for a change: `key:ID`, `signal:SIGHUP`, `poll` or `start`. */
interface RequestedBy {
  readonly actor: string;
}

interface ActivateOptions extends RequestedBy {
  /** Serve the version even if it needs features that requests do not carry now. */
  readonly allowFeatureChange?: boolean;
}

interface SwapOptions extends ActivateOptions {
  readonly kind: SwapKind;
}

/** An operation of which only one can run at a time. */
interface ExclusiveOperation extends RequestedBy {
  readonly what: string;
}

/** Limit on versions in memory. */
const MAX_READY = 8;
/** Limit on entries of versions that are no longer in memory. */
const MAX_PAST = 20;

export class ModelRegistry {
  readonly #parts: RegistryParts;
  #serving: Serving | undefined;
  /** Resolves when every acceptor uses `#serving`. */
  #propagated: Promise<void> | undefined;
  #champion: ModelVersion | undefined;
  #previous: ModelVersion | undefined;
  /** The champion before the last rollback; it stays warm until the next swap. */
  #rolledBack: ModelVersion | undefined;
  /** The version that was just loaded and has no role yet. */
  #candidate: ModelVersion | undefined;
  #experiment: RunningExperiment | undefined;
  /** Oldest first. */
  #versions: ModelVersion[] = [];
  #generation = 0;
  /** Number of swaps so far. */
  #swaps = 0;
  #busy: ExclusiveOperation | undefined;
  /** Resolves with the end of the operation in progress. */
  #done: Promise<unknown> = Promise.resolve();

  constructor(parts: RegistryParts) {
    this.#parts = parts;
  }

  /** The models that answer now; undefined until the first one is loaded. */
  get serving(): Serving | undefined {
    return this.#serving;
  }

  get champion(): ModelVersion | undefined {
    return this.#champion;
  }

  /** The version that `rollback` activates. */
  get previous(): ModelVersion | undefined {
    return this.#previous;
  }

  get experiment(): RunningExperiment | undefined {
    return this.#experiment;
  }

  get versions(): readonly ModelVersion[] {
    return this.#versions;
  }

  /** The operation that is in progress and does not allow another one, such as a load. */
  get busy(): ExclusiveOperation | undefined {
    return this.#busy;
  }

  /** Resolves once no operation is in progress. */
  async idle(): Promise<void> {
    while (this.#busy !== undefined) await this.#done;
  }

  /** Loads and serves the version that settings and store name now, unless it is already served, or held back. */
  reload(actor: string): Promise<Change> {
    return this.#audited({ event: 'reload', actor }, () =>
      this.#exclusively({ what: 'a reload', actor }, async () => {
        const swaps = this.#swaps;
        return this.#follow(await this.#parts.source.refresh(), actor, swaps);
      }),
    );
  }

  /** Like `reload`, for a caller that has just read what is named. */
  follow(named: NamedVersion, actor: string): Promise<Change> {
    const swaps = this.#swaps;
    return this.#audited({ event: 'reload', actor, version: named.version }, () =>
      this.#exclusively({ what: `a reload of ${named.version}`, actor }, () => this.#follow(named, actor, swaps)),
    );
  }

  async #follow(named: NamedVersion, actor: string, swaps: number): Promise<Change> {
    const { version, fingerprint } = named;
    const champion = this.#champion;
    if (champion?.version === version && champion.loaded?.fingerprint === fingerprint)
      return { outcome: 'unchanged', version, detail: `${version} is already served` };
    if (this.#parts.source.isHeld(named)) {
      const place = { pointer: 'current.json', setting: 'MODEL_VERSION', highest: 'the store' }[named.by];
      const reason = `${version} is held back, because ${place} has named it since before the rollback`;
      return { outcome: 'held', version, detail: `${reason}: name another version there, or activate ${version}` };
    }
    const candidate = this.#ready(version, fingerprint) ?? (await this.#load(version, { actor }));
    this.#checkNoSwapSince(swaps, candidate);
    this.#swap(candidate, { kind: 'reload', actor });
    return { outcome: 'activated', version, detail: `${version} is served` };
  }

  /** Loads a version without serving it. */
  load(version: string, { actor }: RequestedBy): Promise<Change> {
    return this.#audited({ event: 'stage', actor, version }, () =>
      this.#exclusively({ what: `a load of ${version}`, actor }, async () => {
        const ready = this.#ready(version, await this.#parts.source.fingerprint(version));
        if (ready !== undefined)
          return {
            outcome: 'unchanged',
            version,
            detail: ready === this.#champion ? `${version} is already served` : `${version} is already loaded`,
          };
        const entry = await this.#load(version, { actor });
        entry.staged = true;
        return { outcome: 'loaded', version, detail: `${version} is warm: activate it to serve it` };
      }),
    );
  }

  /** Ends the load that is under way; whoever waits for it is told so. What serves goes on serving. */
  cancelLoad(actor: string): Promise<Change> {
    const version = this.#versions.findLast(({ state }) => state === 'loading')?.version ?? '';
    return this.#audited({ event: 'cancel', actor, version }, () => {
      const what = this.#busy?.what ?? 'no load';
      if (!this.#parts.loader.cancel(`${what} was cancelled by ${actor}`))
        throw new LightscoreError(
          'MODEL_CONFLICT',
          this.#busy === undefined ? 'no load is under way' : `${what} is about to end and cannot be cancelled`,
        );
      return { outcome: 'cancelled', version, detail: `${what} was cancelled` };
    });
  }

  /** Serves a version; if it is not warm, loads it first. */
  activate(version: string, { actor, allowFeatureChange = false }: ActivateOptions): Promise<Change> {
    const swaps = this.#swaps;
    return this.#audited({ event: 'activate', actor, version }, () =>
      this.#withReady(version, { actor }, (candidate) => {
        if (candidate === this.#champion)
          return { outcome: 'unchanged', version, detail: `${version} is already served` };
        this.#checkNoSwapSince(swaps, candidate);
        this.#swap(candidate, { kind: 'activate', actor, allowFeatureChange });
        if (this.#parts.source.held === version) this.#parts.source.release();
        return { outcome: 'activated', version, detail: `${version} is served` };
      }),
    );
  }

  /** Serves the previous version at once. The version that is named now is held back until the naming changes. */
  rollback(actor: string): Promise<Change> {
    return this.#audited({ event: 'rollback', actor, version: this.#previous?.version ?? '' }, () => {
      const from = this.#champion;
      const to = this.#previous;
      if (from === undefined || to?.model === undefined) {
        throw new LightscoreError(
          'MODEL_CONFLICT',
          'there is no previous version to go back to: activate a version instead',
        );
      }
      this.#parts.source.holdExcept(to.version);
      this.#swap(to, { kind: 'rollback', actor });
      return {
        outcome: 'activated',
        version: to.version,
        detail: `${to.version} is served again instead of ${from.version}, which stays warm until the next swap`,
      };
    });
  }

  /** Frees a version that is not serving, and removes the entries of loads that failed or were freed. */
  remove(version: string, { actor }: RequestedBy): Promise<Change> {
    return this.#audited({ event: 'delete', actor, version }, () => {
      const entries = this.#versions.filter((entry) => entry.version === version);
      if (entries.length === 0) throw new LightscoreError('VERSION_NOT_FOUND', `version ${version} is not loaded`);
      const idle = entries.filter(({ state }) => state === 'warm' || state === 'failed' || state === 'retired');
      if (idle.length === 0) {
        if (entries.some(({ state }) => state === 'loading' || state === 'verified'))
          throw new LightscoreError('LOAD_IN_PROGRESS', `${version} is being loaded`);
        const isChallenger = this.#experiment?.challenger.version === version;
        const remedy = isChallenger ? 'end the experiment' : 'activate another version';
        throw new LightscoreError('MODEL_CONFLICT', `${version} is serving: ${remedy} first`);
      }
      if (this.#candidate !== undefined && idle.includes(this.#candidate))
        throw new LightscoreError('LOAD_IN_PROGRESS', `${version} is being loaded`);
      for (const entry of idle) {
        if (entry === this.#previous) this.#previous = undefined;
        if (entry === this.#rolledBack) this.#rolledBack = undefined;
        if (entry.state === 'warm') this.#retire(entry);
      }
      // An entry that drains stays listed until its last batch has returned.
      this.#versions = this.#versions.filter((entry) => !idle.includes(entry) || entry.state === 'draining');
      return { outcome: 'deleted', version, detail: `${version} was removed` };
    });
  }

  /**
   * Starts an experiment, or changes mode, share or challenger of the current one.
   * @param replaces the challenger that must be running then; null for no experiment, undefined for whichever
   */
  startExperiment({ version, mode, share }: Challenger, actor: string, replaces?: string | null): Promise<Change> {
    return this.#audited({ event: 'experiment', actor, version, mode, share }, () => {
      this.#checkChallenger(replaces);
      return this.#withReady(version, { actor }, (challenger) => {
        // Another experiment may have started during the load.
        this.#checkChallenger(replaces);
        const champion = this.#champion;
        if (champion?.model === undefined) throw new LightscoreError('MODEL_CONFLICT', 'no model is served yet');
        if (challenger === champion)
          throw new LightscoreError('MODEL_CONFLICT', `${version} is the champion: it cannot be its own challenger`);
        const missing = missingNames(challenger.loaded?.card.featureNames ?? [], champion.model.card.featureNames);
        if (missing.length > 0) {
          throw new LightscoreError(
            'MODEL_CONFLICT',
            `${version} needs features that requests for ${champion.version} do not carry: ${listNames(missing)}`,
          );
        }
        const before = this.#experiment?.challenger;
        const same = before === challenger ? this.#experiment : undefined;
        if (before !== undefined && before !== challenger)
          this.#endExperiment({ reason: 'replaced by another challenger', actor });
        this.#experiment = { challenger, mode, share, startedAt: same?.startedAt ?? new Date(), actor };
        this.#publish();
        return {
          outcome: 'started',
          version,
          detail:
            mode === 'ab'
              ? `${version} answers ${percent(share)} of the requests`
              : `${version} scores ${percent(share)} of the requests in the shadow of ${champion.version}`,
        };
      });
    });
  }

  /** @throws LightscoreError MODEL_CONFLICT if the challenger is not `expected`: null for none, undefined for any */
  #checkChallenger(expected: string | null | undefined): void {
    const running = this.#experiment?.challenger.version ?? null;
    if (expected === undefined || expected === running) return;
    const found = running === null ? 'no experiment is running' : `the challenger is ${running}`;
    const wanted = expected === null ? 'expected none' : `expected ${expected}`;
    throw new LightscoreError('MODEL_CONFLICT', `${found}, ${wanted}: nothing was changed`);
  }

  /**
   * Makes the challenger the champion, which ends the experiment.
   * @param expected the challenger that it is meant for; undefined for whichever runs
   */
  promote(actor: string, expected?: string): Promise<Change> {
    return this.#audited({ event: 'promote', actor, version: this.#experiment?.challenger.version ?? '' }, () => {
      this.#checkChallenger(expected);
      if (this.#experiment === undefined) throw new LightscoreError('MODEL_CONFLICT', 'no experiment is running');
      const { challenger } = this.#experiment;
      this.#swap(challenger, { kind: 'promote', actor });
      return {
        outcome: 'activated',
        version: challenger.version,
        detail: `${challenger.version} is promoted and served`,
      };
    });
  }

  /** Ends the experiment: the champion answers all requests again. */
  abortExperiment(actor: string): Promise<Change> {
    return this.#audited({ event: 'abort', actor, version: this.#experiment?.challenger.version ?? '' }, () => {
      if (this.#experiment === undefined) throw new LightscoreError('MODEL_CONFLICT', 'no experiment is running');
      const { version } = this.#experiment.challenger;
      this.#experiment = undefined;
      this.#publish();
      this.#retireUnused();
      return { outcome: 'ended', version, detail: `the experiment with ${version} has ended` };
    });
  }

  /**
   * Returns the newest entry of a version that can serve at once. With a fingerprint, the entry must have been loaded
   * from files with that fingerprint.
   */
  #ready(version: string, fingerprint?: string): ModelVersion | undefined {
    return this.#versions.findLast(
      (entry) =>
        entry.version === version &&
        entry.isReady &&
        (fingerprint === undefined || entry.loaded?.fingerprint === fingerprint),
    );
  }

  /** Calls `use` with the entry of a version: at once if it is warm, otherwise when it is loaded, in the same turn. */
  async #withReady(version: string, { actor }: RequestedBy, use: (entry: ModelVersion) => Change): Promise<Change> {
    const ready = this.#ready(version);
    if (ready !== undefined) return use(ready);
    return this.#exclusively({ what: `a load of ${version}`, actor }, async () =>
      use(await this.#load(version, { actor })),
    );
  }

  async #load(version: string, { actor }: RequestedBy): Promise<ModelVersion> {
    const { audit, loader, metrics, pool } = this.#parts;
    const ready = this.#versions.filter(({ isReady }) => isReady);
    if (ready.length >= MAX_READY)
      throw new LightscoreError('MODEL_CONFLICT', `${ready.length} versions are in memory already: delete one first`);
    const entry = new ModelVersion(++this.#generation, version, actor);
    this.#versions.push(entry);
    try {
      const { model, loaded } = await loadModel(version, loader, pool, (image) => entry.verified(image));
      entry.warm(model);
      this.#candidate = entry;
      metrics.loaded(entry.loadMs ?? 0);
      this.#recordLoad(entry, model, loaded);
      return entry;
    } catch (error) {
      const reason = messageOf(error);
      entry.failed(reason);
      metrics.loadFailed(isRefusal(error) ? 'refused' : 'failed');
      void audit.append({ event: 'load', actor, outcome: isRefusal(error) ? 'refused' : 'failed', version, reason });
      this.#forgetPast();
      throw error;
    }
  }

  #recordLoad({ version, actor, generation, loadMs }: ModelVersion, model: ServedModel, loaded: LoadedImage): void {
    const { audit, logger } = this.#parts;
    const { card } = model;
    for (const warning of loaded.warnings) logger.warn({ event: 'artifact_warning' }, warning);
    void audit.append({
      event: 'load',
      actor,
      outcome: 'done',
      version,
      model_version: card.modelVersion,
      generation,
      checksums: Object.fromEntries(loaded.files.map(({ name, sha256 }) => [name, sha256])),
    });
    void audit.append({
      event: 'verify',
      actor,
      outcome: 'done',
      version,
      signed: loaded.signed,
      checksums_verified: loaded.files.filter(({ verified }) => verified).map(({ name }) => name),
      self_check_rows: loaded.selfCheck,
    });
    logger.info(
      {
        event: 'model_loaded',
        version,
        actor,
        model_version: card.modelVersion,
        calibration_version: card.calibrationVersion,
        trees: card.trees,
        strategy: model.strategy,
        image_bytes: model.imageBytes,
        sha256: card.modelSha256,
        ms: loadMs,
      },
      `model ${card.modelVersion} is warm`,
    );
  }

  /**
   * @param swaps the number of swaps when the change was requested
   * @throws LightscoreError MODEL_CONFLICT if there was another swap since; the candidate stays warm
   */
  #checkNoSwapSince(swaps: number, candidate: ModelVersion): void {
    if (this.#swaps === swaps) return;
    candidate.staged = true;
    throw new LightscoreError(
      'MODEL_CONFLICT',
      `${candidate.version} is warm, but the served version changed meanwhile: activate it if you still want it`,
    );
  }

  /** Makes `candidate` the champion. */
  #swap(candidate: ModelVersion, options: SwapOptions): void {
    const { kind, actor, allowFeatureChange = false } = options;
    const { model } = candidate;
    if (model === undefined) throw new LightscoreError('MODEL_CONFLICT', `${candidate.version} is no longer in memory`);
    const before = this.#champion;
    candidate.requestNames = this.#requestNamesFor(candidate, model, {
      isRollback: kind === 'rollback',
      allowFeatureChange,
    });
    candidate.staged = false;
    this.#swaps++;
    this.#champion = candidate;
    // After a rollback there is no previous version, so that a second rollback cannot bring the bad version back.
    this.#previous = kind === 'rollback' ? undefined : before;
    this.#rolledBack = kind === 'rollback' ? before : undefined;
    const experiment = this.#experiment;
    if (experiment !== undefined) {
      const missing = missingNames(experiment.challenger.loaded?.card.featureNames ?? [], model.card.featureNames);
      if (experiment.challenger === candidate)
        this.#endExperiment({ reason: kind === 'promote' ? 'promoted' : 'its challenger is the champion now', actor });
      else if (missing.length > 0)
        this.#endExperiment({
          reason: `${candidate.version} lacks features of the challenger: ${listNames(missing)}`,
          actor,
        });
    }
    this.#publish();
    this.#recordSwap(candidate, model, { kind, actor, from: before?.version });
    this.#retireUnused();
  }

  /** Returns what requests carry when `candidate` serves. */
  #requestNamesFor(
    candidate: ModelVersion,
    model: ServedModel,
    { isRollback, allowFeatureChange }: { readonly isRollback: boolean; readonly allowFeatureChange: boolean },
  ): readonly string[] {
    // A rollback must always be possible, so it restores what requests carried then.
    if (isRollback && candidate.requestNames !== undefined) return candidate.requestNames;
    const { names, byName } = requestNamesAfter({
      version: candidate.version,
      needed: model.card.featureNames,
      current: this.#serving?.requestNames,
      allowChange: isRollback || allowFeatureChange,
    });
    if (byName)
      this.#parts.logger.warn(
        { event: 'features_by_name', version: candidate.version },
        `${candidate.version} has fewer features than requests carry, or another order: until the next start, ` +
          'requests without names are read in the order of the model before it',
      );
    return names;
  }

  #recordSwap(
    { version, generation }: ModelVersion,
    { card }: ServedModel,
    { kind, actor, from }: { readonly kind: SwapKind; readonly actor: string; readonly from: string | undefined },
  ): void {
    const { audit, logger, metrics } = this.#parts;
    metrics.swapped(kind);
    void audit.append({
      event: 'swap',
      actor,
      outcome: 'done',
      version,
      kind,
      from: from ?? null,
      model_version: card.modelVersion,
      generation,
      sha256: card.modelSha256,
    });
    logger.info(
      { event: 'model_active', version, kind, actor, from, model_version: card.modelVersion },
      `model ${card.modelVersion} is served from now on`,
    );
  }

  #endExperiment({ reason, actor }: { readonly reason: string; readonly actor: string }): void {
    const ended = this.#experiment;
    this.#experiment = undefined;
    if (ended !== undefined)
      void this.#parts.audit.append({
        event: 'experiment_end',
        actor,
        outcome: 'done',
        version: ended.challenger.version,
        reason,
      });
  }

  /** Assigns `#serving`, which all later requests use, and sends it to the acceptors on other threads. */
  #publish(): void {
    const champion = this.#champion;
    if (champion?.model === undefined) return;
    for (const entry of this.#versions) if (entry.state === 'active') entry.state = 'warm';
    champion.state = 'active';
    const running = this.#experiment;
    const challenger = running?.challenger.model;
    if (running !== undefined) running.challenger.state = 'active';
    this.#serving = {
      champion: champion.model,
      requestNames: champion.requestNames ?? champion.model.card.featureNames,
      experiment:
        running !== undefined && challenger !== undefined
          ? { challenger, mode: running.mode, share: running.share }
          : undefined,
    };
    this.#propagated = this.#parts.propagate?.(this.#serving);
  }

  /** Frees the versions that have no role and were not loaded for later use. */
  #retireUnused(): void {
    const challenger = this.#experiment?.challenger;
    const used = new Set([this.#champion, this.#previous, this.#rolledBack, this.#candidate, challenger]);
    for (const entry of this.#versions)
      if (entry.state === 'warm' && !entry.staged && !used.has(entry)) this.#retire(entry);
    this.#forgetPast();
  }

  #retire(entry: ModelVersion): void {
    entry.retire(() =>
      this.#parts.logger.info(
        { event: 'model_retired', version: entry.version, generation: entry.generation },
        `the memory of model ${entry.version} (load ${entry.generation}) is freed`,
      ),
    );
  }

  #forgetPast(): void {
    const past = this.#versions.filter(({ state }) => state === 'retired' || state === 'failed');
    const forgotten = new Set(past.slice(0, Math.max(0, past.length - MAX_PAST)));
    if (forgotten.size > 0) this.#versions = this.#versions.filter((entry) => !forgotten.has(entry));
  }

  async #exclusively<T>(operation: ExclusiveOperation, run: () => Promise<T>): Promise<T> {
    if (this.#busy !== undefined)
      throw new LightscoreError('LOAD_IN_PROGRESS', `${this.#busy.what} (${this.#busy.actor}) is under way`);
    this.#busy = operation;
    try {
      const running = run();
      this.#done = Promise.allSettled([running]);
      return await running;
    } finally {
      this.#busy = undefined;
      this.#candidate = undefined;
    }
  }

  /** Runs a change and resolves when its outcome, or its failure, is in the audit trail. */
  async #audited(
    event: Omit<AuditEvent, 'outcome'> & { readonly event: string; readonly actor: string },
    run: () => Change | Promise<Change>,
  ): Promise<Change> {
    const { audit } = this.#parts;
    try {
      const change = await run();
      // The caller may score next, on a connection to any acceptor, and must meet the change there.
      await this.#propagated;
      await audit.append({ ...event, version: change.version, outcome: 'done', result: change.outcome });
      return change;
    } catch (error) {
      this.#retireUnused();
      await audit.append({
        ...event,
        outcome: isRefusal(error) ? 'refused' : 'failed',
        reason: messageOf(error),
      });
      throw error;
    }
  }
}

/** Whether a retry would fail again unless something changes. */
export function isRefusal(error: unknown): boolean {
  return error instanceof LightscoreError && error.code !== 'STORE_UNREACHABLE' && error.code !== 'WORKER_FAILED';
}

const percent = (share: number): string => `${Number((share * 100).toFixed(4))}%`;
