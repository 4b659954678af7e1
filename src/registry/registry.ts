/**
 * The models of this server (champion, previous, challenger, and others that are warm) and the changes between them.
 * `loading/pipeline.ts` loads a model; every change of the models that serve is one assignment of `#serving`, on this
 * thread.
 *
 * Only one load runs at a time; a second one is refused. A change that needs no load (a rollback, the activation of a
 * warm version, a promotion, the end of an experiment) never waits for a load. If one of them swaps the champion while
 * a load runs, that load does not end in a swap of its own: the operator's decision takes precedence.
 */
import type { AuditEvent } from '../audit/chain.js';
import type { AuditTrail } from '../audit/trail.js';
import type { Challenger } from '../config/config.js';
import { LightscoreError, messageOf } from '../errors.js';
import type { LoadedImage } from '../loading/messages.js';
import type { ModelLoader } from '../loading/loader.js';
import { loadModel } from '../loading/pipeline.js';
import type { WarmingScorer } from '../loading/warm-up.js';
import type { ServedModel } from '../scoring/served-model.js';
import type { Logger } from '../telemetry/log.js';
import type { Metrics, SwapKind } from '../telemetry/metrics.js';
import { listNames, missingNames, requestNamesAfter } from './features.js';
import { ModelVersion } from './model-version.js';
import type { Serving } from './serving.js';
import type { SelectedVersion, VersionSource } from './source.js';

export interface RegistryParts {
  readonly source: VersionSource;
  readonly loader: ModelLoader;
  readonly pool: WarmingScorer;
  /**
   * Sends the models that serve to acceptors on other threads; resolves when all of them answer with these models.
   * Absent if the acceptor reads `serving` itself.
   */
  readonly distribute?: (serving: Serving) => Promise<void>;
  readonly audit: AuditTrail;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** A version, and who requested its change: `key:ID`, `signal:SIGHUP`, `poll` or `start`. */
export interface VersionRequest {
  readonly version: string;
  readonly actor: string;
}

export interface Activation extends VersionRequest {
  /** Also activate a version that needs features which requests do not carry now. */
  readonly allowFeatureChange?: boolean;
}

/** The result of a change that was not refused. */
export interface Change {
  readonly outcome: 'loaded' | 'activated' | 'unchanged' | 'held' | 'deleted' | 'started' | 'ended';
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

/** The load or poll of the store that is running. */
export interface RunningOperation {
  readonly what: string;
  readonly actor: string;
}

interface Swap {
  readonly kind: SwapKind;
  readonly actor: string;
  readonly allowFeatureChange?: boolean;
}

/** Maximum number of versions in memory at once. */
const MAX_READY = 8;
/** Maximum number of entries of versions that are no longer in memory. */
const MAX_PAST = 20;

export class ModelRegistry {
  readonly #parts: RegistryParts;
  #serving: Serving | undefined;
  /** Resolves when every acceptor answers with `#serving`. */
  #distributed: Promise<void> | undefined;
  #champion: ModelVersion | undefined;
  #previous: ModelVersion | undefined;
  /** The version that a rollback replaced: it stays warm until the next swap. */
  #rolledBack: ModelVersion | undefined;
  /** The version that has just been loaded and is about to get its role. */
  #candidate: ModelVersion | undefined;
  #experiment: RunningExperiment | undefined;
  /** Oldest first. */
  #versions: ModelVersion[] = [];
  #generation = 0;
  #swapCount = 0;
  #busy: RunningOperation | undefined;

  constructor(parts: RegistryParts) {
    this.#parts = parts;
  }

  /** The models that answer now; undefined until a model is warm. */
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

  get busy(): RunningOperation | undefined {
    return this.#busy;
  }

  /**
   * Loads and serves the version that settings and store select now, unless it already serves or is held back after a
   * rollback.
   */
  reload(actor: string): Promise<Change> {
    return this.#audited({ event: 'reload', actor }, () =>
      this.#exclusively({ what: 'a reload', actor }, async () => {
        const swapsBefore = this.#swapCount;
        return this.#follow(await this.#parts.source.poll(), actor, swapsBefore);
      }),
    );
  }

  /** Serves the version that a poll of the store has found. */
  follow(selected: SelectedVersion, actor: string): Promise<Change> {
    const swapsBefore = this.#swapCount;
    return this.#audited({ event: 'reload', actor, version: selected.version }, () =>
      this.#exclusively({ what: `a reload of ${selected.version}`, actor }, () =>
        this.#follow(selected, actor, swapsBefore),
      ),
    );
  }

  async #follow(selected: SelectedVersion, actor: string, swapsBefore: number): Promise<Change> {
    const { version, fingerprint, by } = selected;
    const champion = this.#champion;
    if (champion?.version === version && champion.loaded?.fingerprint === fingerprint)
      return { outcome: 'unchanged', version, detail: `${version} is already served` };
    if (this.#parts.source.isHeldBack(selected)) {
      const detail =
        `${version} is held back since the rollback, and ${SELECTED_BY[by]} still selects it: ` +
        'select another version, or activate this one';
      return { outcome: 'held', version, detail };
    }
    const candidate = this.#ready(version, fingerprint) ?? (await this.#load({ version, actor }));
    this.#requireNoSwapSince(swapsBefore, candidate);
    this.#swap(candidate, { kind: 'reload', actor });
    return { outcome: 'activated', version, detail: `${version} is served` };
  }

  /** Loads a version and keeps it warm, without serving it. */
  load({ version, actor }: VersionRequest): Promise<Change> {
    return this.#audited({ event: 'stage', actor, version }, () =>
      this.#exclusively({ what: `a load of ${version}`, actor }, async () => {
        const ready = this.#ready(version, await this.#parts.source.fingerprint(version));
        if (ready !== undefined) {
          const detail = ready === this.#champion ? `${version} is already served` : `${version} is already in memory`;
          return { outcome: 'unchanged', version, detail };
        }
        const entry = await this.#load({ version, actor });
        entry.staged = true;
        return { outcome: 'loaded', version, detail: `${version} is warm: activate it to serve it` };
      }),
    );
  }

  /** Serves a version; loads it first if it is not warm. */
  activate({ version, actor, allowFeatureChange = false }: Activation): Promise<Change> {
    const swapsBefore = this.#swapCount;
    return this.#audited({ event: 'activate', actor, version }, () =>
      this.#withReady({ version, actor }, (candidate) => {
        if (candidate === this.#champion)
          return { outcome: 'unchanged', version, detail: `${version} is already served` };
        this.#requireNoSwapSince(swapsBefore, candidate);
        this.#swap(candidate, { kind: 'activate', actor, allowFeatureChange });
        if (this.#parts.source.heldBack === version) this.#parts.source.release();
        return { outcome: 'activated', version, detail: `${version} is served` };
      }),
    );
  }

  /** Activates the previous version at once; the version that the store selects is ignored until that changes. */
  rollback(actor: string): Promise<Change> {
    return this.#audited({ event: 'rollback', actor, version: this.#previous?.version ?? '' }, () => {
      const from = this.#champion;
      const to = this.#previous;
      if (from === undefined || to?.model === undefined) {
        throw new LightscoreError(
          'MODEL_CONFLICT',
          'there is no previous version to go back to: activate the version that should serve',
        );
      }
      this.#parts.source.holdBackUnless(to.version);
      this.#swap(to, { kind: 'rollback', actor, allowFeatureChange: true });
      return {
        outcome: 'activated',
        version: to.version,
        detail: `${to.version} is served again instead of ${from.version}, which stays warm until the next swap`,
      };
    });
  }

  /** Frees a version that does not serve, and forgets those that have failed or retired. */
  remove({ version, actor }: VersionRequest): Promise<Change> {
    return this.#audited({ event: 'delete', actor, version }, () => {
      const entries = this.#versions.filter((entry) => entry.version === version);
      if (entries.length === 0)
        throw new LightscoreError('VERSION_NOT_FOUND', `this server has not loaded a version ${version}`);
      const idle = entries.filter(({ state }) => state === 'warm' || state === 'failed' || state === 'retired');
      if (idle.length === 0) {
        if (entries.some(({ state }) => state === 'loading' || state === 'verified'))
          throw new LightscoreError('LOAD_IN_PROGRESS', `${version} is being loaded`);
        const isChallenger = this.#experiment?.challenger.version === version;
        throw new LightscoreError(
          'MODEL_CONFLICT',
          `${version} is serving: ${isChallenger ? 'end the experiment' : 'activate another version'} first`,
        );
      }
      if (this.#candidate !== undefined && idle.includes(this.#candidate))
        throw new LightscoreError('LOAD_IN_PROGRESS', `${version} is being loaded`);
      for (const entry of idle) {
        if (entry === this.#previous) this.#previous = undefined;
        if (entry === this.#rolledBack) this.#rolledBack = undefined;
        if (entry.state === 'warm') this.#retire(entry);
      }
      // An entry that drains is listed until its last batch has returned.
      this.#versions = this.#versions.filter((entry) => !idle.includes(entry) || entry.state === 'draining');
      return { outcome: 'deleted', version, detail: `${version} is deleted from this server` };
    });
  }

  /**
   * Starts an experiment, or changes mode and share of the running one; another challenger replaces the current one.
   */
  startExperiment({ version, mode, share }: Challenger, actor: string): Promise<Change> {
    return this.#audited({ event: 'experiment', actor, version, mode, share }, () =>
      this.#withReady({ version, actor }, (challenger) => {
        const champion = this.#champion;
        if (champion?.model === undefined) throw new LightscoreError('MODEL_CONFLICT', 'no champion is served yet');
        if (challenger === champion)
          throw new LightscoreError('MODEL_CONFLICT', `${version} is the champion: it cannot be its own challenger`);
        const missing = missingNames({
          needed: challenger.loaded?.card.featureNames ?? [],
          available: champion.model.card.featureNames,
        });
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
              : `${version} scores ${percent(share)} of the requests in shadow mode; ${champion.version} answers them`,
        };
      }),
    );
  }

  /** Makes the challenger the champion. */
  promote(actor: string): Promise<Change> {
    return this.#audited({ event: 'promote', actor, version: this.#experiment?.challenger.version ?? '' }, () => {
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

  /** Ends the experiment: the champion answers all requests. */
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

  /** The newest entry of a version that can serve at once; given a fingerprint, only one that has the same files. */
  #ready(version: string, fingerprint?: string): ModelVersion | undefined {
    return this.#versions.findLast(
      (entry) =>
        entry.version === version &&
        entry.isReady &&
        (fingerprint === undefined || entry.loaded?.fingerprint === fingerprint),
    );
  }

  /** Calls `use` with a warm version; after a load, in the same turn of the event loop in which the load ends. */
  async #withReady({ version, actor }: VersionRequest, use: (entry: ModelVersion) => Change): Promise<Change> {
    const ready = this.#ready(version);
    if (ready !== undefined) return use(ready);
    return this.#exclusively({ what: `a load of ${version}`, actor }, async () =>
      use(await this.#load({ version, actor })),
    );
  }

  async #load({ version, actor }: VersionRequest): Promise<ModelVersion> {
    const { audit, loader, metrics, pool } = this.#parts;
    const ready = this.#versions.filter(({ isReady }) => isReady);
    if (ready.length >= MAX_READY)
      throw new LightscoreError('MODEL_CONFLICT', `${ready.length} versions are in memory already: delete one first`);
    const entry = new ModelVersion({ version, actor, generation: ++this.#generation });
    this.#versions.push(entry);
    try {
      const { model, loaded } = await loadModel(version, loader, pool, (image) => entry.verified(image));
      entry.warm(model);
      this.#candidate = entry;
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
    const { audit, logger, metrics } = this.#parts;
    const { card } = model;
    metrics.loaded(loadMs ?? 0);
    for (const warning of loaded.warnings) logger.warn({ event: 'artifact_warning' }, warning);
    const checksums = Object.fromEntries(loaded.files.map(({ name, sha256 }) => [name, sha256]));
    void audit.append({
      event: 'load',
      actor,
      outcome: 'done',
      version,
      model_version: card.modelVersion,
      generation,
      checksums,
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

  /** @throws LightscoreError MODEL_CONFLICT if there was a swap since `swapsBefore`; the candidate stays warm */
  #requireNoSwapSince(swapsBefore: number, candidate: ModelVersion): void {
    if (this.#swapCount === swapsBefore) return;
    candidate.staged = true;
    throw new LightscoreError(
      'MODEL_CONFLICT',
      `${candidate.version} is warm, but another change was made while it was loaded: activate it if it should serve`,
    );
  }

  /** Makes `candidate` the champion, which answers all requests from now on. */
  #swap(candidate: ModelVersion, swap: Swap): void {
    const { version, model } = candidate;
    const { kind, actor } = swap;
    if (model === undefined) throw new LightscoreError('MODEL_CONFLICT', `${version} is no longer in memory`);
    const before = this.#champion;
    candidate.requestNames = this.#requestNames(candidate, model, swap);
    candidate.staged = false;
    this.#swapCount++;
    this.#champion = candidate;
    // A second rollback must not activate the version that the first one has replaced.
    this.#previous = kind === 'rollback' ? undefined : before;
    this.#rolledBack = kind === 'rollback' ? before : undefined;
    const experiment = this.#experiment;
    if (experiment !== undefined) {
      const missing = missingNames({
        needed: experiment.challenger.loaded?.card.featureNames ?? [],
        available: model.card.featureNames,
      });
      if (experiment.challenger === candidate)
        this.#endExperiment({ reason: kind === 'promote' ? 'promoted' : 'its challenger is now the champion', actor });
      else if (missing.length > 0)
        this.#endExperiment({ reason: `${version} lacks features of the challenger: ${listNames(missing)}`, actor });
    }
    this.#publish();
    this.#recordSwap(candidate, model, { kind, actor, from: before?.version });
    this.#retireUnused();
  }

  /** @throws LightscoreError MODEL_CONFLICT if the candidate needs features that requests do not carry now */
  #requestNames(candidate: ModelVersion, model: ServedModel, swap: Swap): readonly string[] {
    // A rollback must always be possible: requests then carry what they carried before.
    if (swap.kind === 'rollback' && candidate.requestNames !== undefined) return candidate.requestNames;
    const { version } = candidate;
    const { names, byName } = requestNamesAfter({
      version,
      needed: model.card.featureNames,
      current: this.#serving?.requestNames,
      allowed: swap.allowFeatureChange ?? false,
    });
    if (byName)
      this.#parts.logger.warn(
        { event: 'features_by_name', version },
        `${version} has fewer features than requests carry, or another order: ` +
          'until the next restart, requests keep their features and order, and the model finds its own by name',
      );
    return names;
  }

  #recordSwap(
    { version, generation }: ModelVersion,
    { card }: ServedModel,
    { kind, actor, from }: Swap & { readonly from: string | undefined },
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
      `model ${card.modelVersion} answers requests now`,
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

  /** Assigns `#serving`, which all later requests use. */
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
    this.#distributed = this.#parts.distribute?.(this.#serving);
  }

  /** Retires every warm version that has no role, unless it was loaded to be activated later. */
  #retireUnused(): void {
    const roles = new Set([
      this.#champion,
      this.#previous,
      this.#rolledBack,
      this.#candidate,
      this.#experiment?.challenger,
    ]);
    for (const entry of this.#versions)
      if (entry.state === 'warm' && !entry.staged && !roles.has(entry)) this.#retire(entry);
    this.#forgetPast();
  }

  #retire(entry: ModelVersion): void {
    entry.retire(() =>
      this.#parts.logger.info(
        { event: 'model_retired', version: entry.version, generation: entry.generation },
        `model ${entry.version} (load ${entry.generation}) is unloaded, and its memory is free`,
      ),
    );
  }

  #forgetPast(): void {
    const past = this.#versions.filter(({ state }) => state === 'retired' || state === 'failed');
    const forgotten = new Set(past.slice(0, Math.max(0, past.length - MAX_PAST)));
    if (forgotten.size > 0) this.#versions = this.#versions.filter((entry) => !forgotten.has(entry));
  }

  async #exclusively<T>(operation: RunningOperation, run: () => Promise<T>): Promise<T> {
    if (this.#busy !== undefined)
      throw new LightscoreError('LOAD_IN_PROGRESS', `${this.#busy.what} (${this.#busy.actor}) is under way`);
    this.#busy = operation;
    try {
      return await run();
    } finally {
      this.#busy = undefined;
      this.#candidate = undefined;
    }
  }

  /** Runs a change, and settles when its result is in the audit trail. */
  async #audited(
    event: Omit<AuditEvent, 'outcome'> & { readonly event: string; readonly actor: string },
    run: () => Change | Promise<Change>,
  ): Promise<Change> {
    const { audit } = this.#parts;
    try {
      const change = await run();
      // The caller may score next, on a connection of any acceptor.
      await this.#distributed;
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

/** Whether a retry would not help unless something else changes. */
export function isRefusal(error: unknown): boolean {
  return error instanceof LightscoreError && error.code !== 'STORE_UNREACHABLE' && error.code !== 'WORKER_FAILED';
}

const SELECTED_BY = { setting: 'MODEL_VERSION', pointer: 'current.json', highest: 'the store' } as const;

const percent = (share: number): string => `${Number((share * 100).toFixed(4))}%`;
