/** The registry as JSON, in the answers of `/admin/models` and `/admin/experiment`. */
import type { ModelVersion } from './model-version.js';
import type { ModelRegistry, RunningExperiment } from './registry.js';
import type { VersionSource } from './source.js';

function roleOf(entry: ModelVersion, { champion, experiment, previous }: ModelRegistry): string | null {
  if (entry === champion) return 'champion';
  if (entry === experiment?.challenger) return 'challenger';
  return entry === previous ? 'previous' : null;
}

/** State, metadata and checksums of one version. */
function modelView(entry: ModelVersion, registry: ModelRegistry): object {
  return {
    version: entry.version,
    state: entry.state,
    role: roleOf(entry, registry),
    reason: entry.reason ?? null,
    generation: entry.generation,
    loaded_by: entry.actor,
    load_started: entry.startedAt.toISOString(),
    load_ms: entry.loadMs ?? null,
    ...artifactView(entry),
  };
}

/** What is known of a version once its artifact is loaded; null or empty before. */
function artifactView({ loaded, model }: ModelVersion): object {
  const card = loaded?.card;
  return {
    model_version: card?.modelVersion ?? null,
    calibration_version: card?.calibrationVersion ?? null,
    feature_set_version: card?.featureSetVersion ?? null,
    features: card?.featureNames.length ?? null,
    trees: card?.trees ?? null,
    strategy: loaded?.strategy ?? null,
    memory_bytes: model?.memoryBytes ?? null,
    signed: loaded?.signed ?? null,
    files: loaded?.files ?? [],
    self_check_rows:
      loaded === undefined
        ? null
        : { tree_walk: loaded.selfCheck.treeWalk, trainer: loaded.selfCheck.trainer, native: loaded.selfCheck.native },
  };
}

export function experimentView(experiment: RunningExperiment | undefined, registry: ModelRegistry): object | null {
  if (experiment === undefined) return null;
  const { challenger, mode, share, startedAt, actor } = experiment;
  return {
    champion: registry.champion?.version ?? null,
    challenger: challenger.version,
    mode,
    share,
    started: startedAt.toISOString(),
    started_by: actor,
  };
}

export function modelsView(registry: ModelRegistry, source: VersionSource): object {
  return {
    champion: registry.champion?.version ?? null,
    previous: registry.previous?.version ?? null,
    challenger: registry.experiment?.challenger.version ?? null,
    experiment: experimentView(registry.experiment, registry),
    under_way: registry.busy === undefined ? null : { what: registry.busy.what, by: registry.busy.actor },
    named_by_store:
      source.latest === undefined
        ? null
        : { version: source.latest.version, by: source.latest.by, held_back: source.held !== undefined },
    models: registry.versions.map((entry) => modelView(entry, registry)),
  };
}
