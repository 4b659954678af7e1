/** The JSON in which `/admin/models` and `/admin/experiment` show the registry. */
import type { ModelCard } from '../scoring/model-card.js';
import type { ModelVersion } from './model-version.js';
import type { ModelRegistry, RunningExperiment } from './registry.js';
import type { VersionSource } from './source.js';

function roleOf(entry: ModelVersion, registry: ModelRegistry): 'champion' | 'challenger' | 'previous' | null {
  if (entry === registry.champion) return 'champion';
  if (entry === registry.experiment?.challenger) return 'challenger';
  return entry === registry.previous ? 'previous' : null;
}

function cardView(card: ModelCard | undefined): object {
  return {
    model_version: card?.modelVersion ?? null,
    calibration_version: card?.calibrationVersion ?? null,
    feature_set_version: card?.featureSetVersion ?? null,
    features: card?.featureNames.length ?? null,
    trees: card?.trees ?? null,
  };
}

/** State, metadata and checksums of one version. */
function modelView(entry: ModelVersion, registry: ModelRegistry): object {
  const { loaded, model } = entry;
  const checked = loaded?.selfCheck;
  return {
    version: entry.version,
    state: entry.state,
    role: roleOf(entry, registry),
    reason: entry.reason ?? null,
    generation: entry.generation,
    loaded_by: entry.actor,
    load_started: entry.startedAt.toISOString(),
    load_ms: entry.loadMs ?? null,
    ...cardView(loaded?.card),
    strategy: loaded?.strategy ?? null,
    memory_bytes: model?.memoryBytes ?? null,
    signed: loaded?.signed ?? null,
    files: loaded?.files ?? [],
    self_check_rows: checked ? { tree_walk: checked.treeWalk, trainer: checked.trainer, native: checked.native } : null,
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
        : { version: source.latest.version, by: source.latest.by, held_back: source.heldBack !== undefined },
    models: registry.versions.map((entry) => modelView(entry, registry)),
  };
}
