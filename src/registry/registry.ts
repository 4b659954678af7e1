/**
 * The models of this server: champion, previous, challenger and what stands ready, and the changes between them.
 * Loading happens elsewhere (`model/load.ts`); every change of what serves is one assignment of `#serving`, on this
 * thread.
 *
 * Loads go one at a time: a second one is told so. What needs no load (rollback, activating what is warm, promotion,
 * ending an experiment) is never held up by one, and a load that was to end in a swap gives way to such a decision made
 * meanwhile.
 */
import type { AuditEvent } from '../audit/chain.js';
import type { AuditTrail } from '../audit/trail.js';
import type { Challenger } from '../config/config.js';
import { LightscoreError, messageOf } from '../errors.js';
import { type WarmingScorer } from '../loading/warm-up.js';
import type { ModelLoader } from '../loading/loader.js';
import type { Logger } from '../telemetry/log.js';
import type { Metrics, SwapKind } from '../telemetry/metrics.js';
import { listed, missingNames, requestNamesAfter } from './features.js';
import { ModelVersion } from './model-version.js';
import type { Serving } from './serving.js';
import type { NamedVersion, VersionSource } from './source.js';
import { loadModel } from '../loading/pipeline.js';

export interface RegistryParts {
  readonly source: VersionSource;
  readonly loader: ModelLoader;
  readonly pool: WarmingScorer;
  /**
   * Lets acceptors of other threads know what answers now; resolves when all of them do as told. Absent: they look at
   * `serving`.
   */
  readonly spread?: (serving: Serving) => Promise<void>;
  readonly audit: AuditTrail;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** What became of a change that was not refused. */
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

/** Most versions in memory at once. */
const MOST_READY = 8;
/** Most entries of versions that are no longer in memory. */
const MOST_PAST = 20;

export class ModelRegistry {
  #serving: Serving | undefined;
  /** Until every acceptor answers by `#serving`. */
  #spread: Promise<void> | undefined;
  #champion: ModelVersion | undefined;
  #previous: ModelVersion | undefined;
  /** The version that was rolled back from: warm until the next swap. */
  #left: ModelVersion | undefined;
  /** Just loaded, and about to get its role. */
  #candidate: ModelVersion | undefined;
  #experiment: RunningExperiment | undefined;
  /** Oldest first. */
  #versions: ModelVersion[] = [];
  #generation = 0;
  /** Counts swaps. */
  #decisions = 0;
  #busy: { readonly what: string; readonly actor: string } | undefined;

  constructor(private readonly parts: RegistryParts) {}

  /** What answers now; undefined until a model is warm. */
  get serving(): Serving | undefined {
    return this.#serving;
  }

  get champion(): ModelVersion | undefined {
    return this.#champion;
  }

  /** Where `rollback` goes. */
  get previous(): ModelVersion | undefined {
    return this.#previous;
  }

  get experiment(): RunningExperiment | undefined {
    return this.#experiment;
  }

  get versions(): readonly ModelVersion[] {
    return this.#versions;
  }

  /** The load or look at the store that is under way. */
  get busy(): { readonly what: string; readonly actor: string } | undefined {
    return this.#busy;
  }

  /**
   * Loads and serves what the settings and the store name now, unless it is served already or held back by a rollback.
   */
  reload(actor: string): Promise<Change> {
    return this.#audited({ event: 'reload', actor }, () =>
      this.#exclusively('a reload', actor, async () => {
        const decisions = this.#decisions;
        return this.#follow(await this.parts.source.look(), actor, decisions);
      }),
    );
  }

  /** Serves what `named` says; for whoever has looked already. */
  follow(named: NamedVersion, actor: string): Promise<Change> {
    const decisions = this.#decisions;
    return this.#audited({ event: 'reload', actor, version: named.version }, () =>
      this.#exclusively(`a reload of ${named.version}`, actor, () => this.#follow(named, actor, decisions)),
    );
  }

  async #follow(named: NamedVersion, actor: string, decisions: number): Promise<Change> {
    const { version, fingerprint, by } = named;
    const champion = this.#champion;
    if (champion?.version === version && champion.loaded?.fingerprint === fingerprint)
      return { outcome: 'unchanged', version, detail: `${version} is served already` };
    if (this.parts.source.isHeld(named)) {
      return {
        outcome: 'held',
        version,
        detail: `${version} is still what ${by === 'pointer' ? 'current.json' : by === 'setting' ? 'MODEL_VERSION' : 'the store'} names since the rollback: name another version, or activate it`,
      };
    }
    const candidate = this.#ready(version, fingerprint) ?? (await this.#load(version, actor));
    this.#giveWay(candidate, decisions);
    this.#swap(candidate, 'reload', actor, false);
    return { outcome: 'activated', version, detail: `${version} is served` };
  }

  /** Loads a version, and leaves it warm. */
  load(version: string, actor: string): Promise<Change> {
    return this.#audited({ event: 'stage', actor, version }, () =>
      this.#exclusively(`a load of ${version}`, actor, async () => {
        const held = this.#ready(version, await this.parts.source.fingerprint(version));
        if (held !== undefined)
          return {
            outcome: 'unchanged',
            version,
            detail: held === this.#champion ? `${version} is served already` : `${version} is in memory already`,
          };
        const entry = await this.#load(version, actor);
        entry.staged = true;
        return { outcome: 'loaded', version, detail: `${version} is warm: activate it when it should serve` };
      }),
    );
  }

  /**
   * Serves a version, loading it first where it is not warm.
   * @param allowFeatureChange also where it asks requests for features that they do not carry now
   */
  activate(version: string, actor: string, allowFeatureChange = false): Promise<Change> {
    const decisions = this.#decisions;
    return this.#audited({ event: 'activate', actor, version }, () =>
      this.#withReady(version, actor, (candidate) => {
        if (candidate === this.#champion)
          return { outcome: 'unchanged', version, detail: `${version} is served already` };
        this.#giveWay(candidate, decisions);
        this.#swap(candidate, 'activate', actor, allowFeatureChange);
        if (this.parts.source.held === version) this.parts.source.release();
        return { outcome: 'activated', version, detail: `${version} is served` };
      }),
    );
  }

  /** Back to the version before, at once; what the store names now is ignored until it changes. */
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
      this.parts.source.holdExcept(to.version);
      this.#swap(to, 'rollback', actor, true);
      return {
        outcome: 'activated',
        version: to.version,
        detail: `${to.version} is served again instead of ${from.version}, which stays warm until the next swap`,
      };
    });
  }

  /** Frees a version that serves nobody, or forgets one that failed. */
  remove(version: string, actor: string): Promise<Change> {
    return this.#audited({ event: 'delete', actor, version }, () => {
      const entries = this.#versions.filter((entry) => entry.version === version);
      if (entries.length === 0) throw new LightscoreError('VERSION_NOT_FOUND', `no version ${version} is held`);
      const idle = entries.filter(({ state }) => state === 'warm' || state === 'failed' || state === 'retired');
      if (idle.length === 0) {
        if (entries.some(({ state }) => state === 'loading' || state === 'verified'))
          throw new LightscoreError('LOAD_IN_PROGRESS', `${version} is being loaded`);
        throw new LightscoreError(
          'MODEL_CONFLICT',
          `${version} is serving: ${this.#experiment?.challenger.version === version ? 'end the experiment' : 'activate another version'} first`,
        );
      }
      if (this.#candidate !== undefined && idle.includes(this.#candidate))
        throw new LightscoreError('LOAD_IN_PROGRESS', `${version} is being loaded`);
      for (const entry of idle) {
        if (entry === this.#previous) this.#previous = undefined;
        if (entry === this.#left) this.#left = undefined;
        if (entry.state === 'warm') this.#retire(entry);
      }
      // What still drains shows until its last batch is back.
      this.#versions = this.#versions.filter((entry) => !idle.includes(entry) || entry.state === 'draining');
      return { outcome: 'deleted', version, detail: `${version} is no longer held` };
    });
  }

  /**
   * Starts an experiment, or changes mode and share of the one that runs; another challenger replaces the one before.
   */
  startExperiment({ version, mode, share }: Challenger, actor: string): Promise<Change> {
    return this.#audited({ event: 'experiment', actor, version, mode, share }, () =>
      this.#withReady(version, actor, (challenger) => {
        const champion = this.#champion;
        if (champion?.model === undefined) throw new LightscoreError('MODEL_CONFLICT', 'no champion is served yet');
        if (challenger === champion)
          throw new LightscoreError('MODEL_CONFLICT', `${version} is the champion: it cannot be its own challenger`);
        const missing = missingNames(challenger.loaded?.card.featureNames ?? [], champion.model.card.featureNames);
        if (missing.length > 0) {
          throw new LightscoreError(
            'MODEL_CONFLICT',
            `${version} needs features that requests for ${champion.version} do not carry: ${listed(missing)}`,
          );
        }
        const before = this.#experiment?.challenger;
        const same = before === challenger ? this.#experiment : undefined;
        if (before !== undefined && before !== challenger) this.#endExperiment('replaced by another challenger', actor);
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
      }),
    );
  }

  /** The challenger becomes the champion. */
  promote(actor: string): Promise<Change> {
    return this.#audited({ event: 'promote', actor, version: this.#experiment?.challenger.version ?? '' }, () => {
      if (this.#experiment === undefined) throw new LightscoreError('MODEL_CONFLICT', 'no experiment is running');
      const { challenger } = this.#experiment;
      this.#swap(challenger, 'promote', actor, false);
      return {
        outcome: 'activated',
        version: challenger.version,
        detail: `${challenger.version} is promoted and served`,
      };
    });
  }

  /** The champion answers everything again. */
  abortExperiment(actor: string): Promise<Change> {
    return this.#audited({ event: 'abort', actor, version: this.#experiment?.challenger.version ?? '' }, () => {
      if (this.#experiment === undefined) throw new LightscoreError('MODEL_CONFLICT', 'no experiment is running');
      const { version } = this.#experiment.challenger;
      this.#experiment = undefined;
      this.#publish();
      this.#retireUnused();
      return { outcome: 'ended', version, detail: `the experiment with ${version} is over` };
    });
  }

  /**
   * The newest entry of a version that can serve at once; with the fingerprint, only where the store still has the same
   * files.
   */
  #ready(version: string, fingerprint?: string): ModelVersion | undefined {
    return this.#versions.findLast(
      (entry) =>
        entry.version === version &&
        entry.isReady &&
        (fingerprint === undefined || entry.loaded?.fingerprint === fingerprint),
    );
  }

  /** Runs `use` with a version that is warm, or once it has been loaded, in the same turn. */
  async #withReady(version: string, actor: string, use: (entry: ModelVersion) => Change): Promise<Change> {
    const ready = this.#ready(version);
    return ready === undefined
      ? this.#exclusively(`a load of ${version}`, actor, async () => use(await this.#load(version, actor)))
      : use(ready);
  }

  async #load(version: string, actor: string): Promise<ModelVersion> {
    const { audit, loader, logger, metrics, pool } = this.parts;
    const ready = this.#versions.filter(({ isReady }) => isReady);
    if (ready.length >= MOST_READY)
      throw new LightscoreError('MODEL_CONFLICT', `${ready.length} versions are in memory already: delete one first`);
    const entry = new ModelVersion(++this.#generation, version, actor);
    this.#versions.push(entry);
    try {
      const { model, loaded } = await loadModel(version, loader, pool, (image) => entry.verified(image));
      entry.warm(model);
      this.#candidate = entry;
      metrics.loaded(entry.loadMs ?? 0);
      for (const warning of loaded.warnings) logger.warn({ event: 'artifact_warning' }, warning);
      const { card } = model;
      const checksums = Object.fromEntries(loaded.files.map(({ name, sha256 }) => [name, sha256]));
      void audit.append({
        event: 'load',
        actor,
        outcome: 'done',
        version,
        model_version: card.modelVersion,
        generation: entry.generation,
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
          ms: entry.loadMs,
        },
        `model ${card.modelVersion} is warm`,
      );
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

  /**
   * @throws LightscoreError MODEL_CONFLICT where somebody else has changed what serves since `decisions`; the candidate
   * stays warm
   */
  #giveWay(candidate: ModelVersion, decisions: number): void {
    if (this.#decisions === decisions) return;
    candidate.staged = true;
    throw new LightscoreError(
      'MODEL_CONFLICT',
      `${candidate.version} is warm, but what serves was changed meanwhile: activate it if it is still wanted`,
    );
  }

  /** `candidate` answers from here on. */
  #swap(candidate: ModelVersion, kind: SwapKind, actor: string, allowFeatureChange: boolean): void {
    const { audit, logger, metrics } = this.parts;
    const { model } = candidate;
    if (model === undefined) throw new LightscoreError('MODEL_CONFLICT', `${candidate.version} is no longer in memory`);
    const before = this.#champion;
    // Going back must always be possible, to requests as they were then.
    const kept = kind === 'rollback' ? candidate.requestNames : undefined;
    const { names, byName } =
      kept === undefined
        ? requestNamesAfter(candidate.version, model.card.featureNames, this.#serving?.requestNames, allowFeatureChange)
        : { names: kept, byName: false };
    if (byName)
      logger.warn(
        { event: 'features_by_name', version: candidate.version },
        `${candidate.version} has its features in another order than requests carry them, or fewer: until the next start they are found by the names of the model before`,
      );
    candidate.requestNames = names;
    candidate.staged = false;
    this.#decisions++;
    this.#champion = candidate;
    // Going back twice must not bring the bad version back.
    this.#previous = kind === 'rollback' ? undefined : before;
    this.#left = kind === 'rollback' ? before : undefined;
    const experiment = this.#experiment;
    if (experiment !== undefined) {
      const missing = missingNames(experiment.challenger.loaded?.card.featureNames ?? [], model.card.featureNames);
      if (experiment.challenger === candidate)
        this.#endExperiment(kind === 'promote' ? 'promoted' : 'its challenger is the champion now', actor);
      else if (missing.length > 0)
        this.#endExperiment(`${candidate.version} does without features of the challenger: ${listed(missing)}`, actor);
    }
    this.#publish();
    metrics.swapped(kind);
    void audit.append({
      event: 'swap',
      actor,
      outcome: 'done',
      version: candidate.version,
      kind,
      from: before?.version ?? null,
      model_version: model.card.modelVersion,
      generation: candidate.generation,
      sha256: model.card.modelSha256,
    });
    logger.info(
      {
        event: 'model_active',
        version: candidate.version,
        kind,
        actor,
        from: before?.version,
        model_version: model.card.modelVersion,
      },
      `model ${model.card.modelVersion} answers from here on`,
    );
    this.#retireUnused();
  }

  #endExperiment(reason: string, actor: string): void {
    const ended = this.#experiment;
    this.#experiment = undefined;
    if (ended !== undefined)
      void this.parts.audit.append({
        event: 'experiment_end',
        actor,
        outcome: 'done',
        version: ended.challenger.version,
        reason,
      });
  }

  /** The assignment that all requests from here on see. */
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
    this.#spread = this.parts.spread?.(this.#serving);
  }

  /** What has no role, and was not loaded by name to get one. */
  #retireUnused(): void {
    const roles = new Set([this.#champion, this.#previous, this.#left, this.#candidate, this.#experiment?.challenger]);
    for (const entry of this.#versions)
      if (entry.state === 'warm' && !entry.staged && !roles.has(entry)) this.#retire(entry);
    this.#forgetPast();
  }

  #retire(entry: ModelVersion): void {
    entry.retire(() =>
      this.parts.logger.info(
        { event: 'model_retired', version: entry.version, generation: entry.generation },
        `model ${entry.version} (load ${entry.generation}) is out of memory`,
      ),
    );
  }

  #forgetPast(): void {
    const past = this.#versions.filter(({ state }) => state === 'retired' || state === 'failed');
    const forgotten = new Set(past.slice(0, Math.max(0, past.length - MOST_PAST)));
    if (forgotten.size > 0) this.#versions = this.#versions.filter((entry) => !forgotten.has(entry));
  }

  async #exclusively<T>(what: string, actor: string, run: () => Promise<T>): Promise<T> {
    if (this.#busy !== undefined)
      throw new LightscoreError('LOAD_IN_PROGRESS', `${this.#busy.what} (${this.#busy.actor}) is under way`);
    this.#busy = { what, actor };
    try {
      return await run();
    } finally {
      this.#busy = undefined;
      this.#candidate = undefined;
    }
  }

  /** Runs a change and resolves when its end, good or bad, is in the audit trail. */
  async #audited(
    event: Omit<AuditEvent, 'outcome'> & { readonly event: string; readonly actor: string },
    run: () => Change | Promise<Change>,
  ): Promise<Change> {
    const { audit } = this.parts;
    try {
      const change = await run();
      // Whoever asked may score next, on a connection of any acceptor.
      await this.#spread;
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

/** Whether trying again would not help unless something else changes. */
export function isRefusal(error: unknown): boolean {
  return error instanceof LightscoreError && error.code !== 'STORE_UNREACHABLE' && error.code !== 'WORKER_FAILED';
}

const percent = (share: number): string => `${Number((share * 100).toFixed(4))}%`;
