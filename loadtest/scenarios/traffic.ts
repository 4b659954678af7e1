/** Which rows a run sends, and by which models their scores are known: chosen before any load. */
import { join, relative } from 'node:path';
import { quote } from '../../src/quote.js';
import { projectRoot } from '../../test/support/project.js';
import { DoesNotFit } from '../traffic/does-not-fit.js';
import { rowsAround, rowsOfModel } from '../traffic/drawn-rows.js';
import { type KnownModel, loadKnownModels } from '../traffic/known-model.js';
import { type RowsFile, readRowsFile, rowsFor } from '../traffic/rows-file.js';
import type { Row } from '../traffic/rows.js';
import type { ServerFacts } from '../traffic/server-facts.js';

/** The README's server: what `npm start` serves. */
export const DEMO_MODEL = join(projectRoot, 'models/v1.0.0');
const DRAWN_ROWS = 500;

export interface TrafficSource {
  /** A folder of one version, or of all versions. */
  readonly model?: string | undefined;
  /** A file. */
  readonly rows?: string | undefined;
}

export interface Traffic {
  readonly featureNames: readonly string[];
  readonly rows: readonly Row[];
  /** Where the rows are from, for the report. */
  readonly rowsFrom: string;
  /** The models whose scores are known, the one that the server serves first; empty where it is not known. */
  readonly models: readonly KnownModel[];
  /** The models are those that the user has named, so an answer that is not theirs is a mistake to report. */
  readonly named: boolean;
}

/** @throws DoesNotFit where server, model and rows do not belong together */
export async function chooseTraffic(server: ServerFacts, { model, rows }: TrafficSource): Promise<Traffic> {
  const named = model !== undefined;
  const models = named ? servedFirst(await loadKnownModels(model), server, model) : await demoModel(server);
  const [served] = models;
  const file = rows === undefined ? undefined : readRowsFile(rows);
  const featureNames = served?.featureNames ?? server.featureNames ?? file?.featureNames;
  if (featureNames === undefined)
    throw new DoesNotFit(
      `${server.origin} does not say which features its model takes: ` +
        'name them by --model DIR, or --rows FILE with names',
    );
  return { featureNames, models, named, ...chooseRows({ server, served, file, featureNames }) };
}

/** @throws DoesNotFit where none of the models is the one that is served */
function servedFirst(models: readonly KnownModel[], server: ServerFacts, folder: string): KnownModel[] {
  const served = models.find(({ version }) => version === server.version);
  if (served === undefined) {
    const versions = models.map(({ version }) => version).join(', ');
    throw new DoesNotFit(`${server.origin} serves ${server.version}, but ${folder} has ${versions}`);
  }
  checkFeatures(served, server);
  const others = models.filter((model) => model !== served && sameFeatures(model.featureNames, served.featureNames));
  return [served, ...others];
}

function checkFeatures(model: KnownModel, { origin, version, featureNames }: ServerFacts): void {
  if (featureNames === undefined) return;
  const both = `${origin} serves a ${version}`;
  if (featureNames.length !== model.featureNames.length)
    throw new DoesNotFit(
      `${both} with ${featureNames.length} features, but ${model.folder} has ${model.featureNames.length}`,
    );
  const other = model.featureNames.find((name) => !featureNames.includes(name));
  if (other !== undefined)
    throw new DoesNotFit(`${both} without the feature ${quote(other)}, which ${model.folder} has`);
}

const sameFeatures = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((name) => b.includes(name));

/** The demo model where the server seems to serve it; its answers will show. */
async function demoModel({ version, featureNames = [] }: ServerFacts): Promise<KnownModel[]> {
  const models = await loadKnownModels(DEMO_MODEL);
  return models.filter((model) => model.version === version && sameFeatures(model.featureNames, featureNames));
}

/** A path as short as it can be said here. */
export function fromHere(path: string): string {
  const short = relative(process.cwd(), path);
  return short === '' || short.startsWith('..') ? path : short;
}

interface RowSources {
  readonly server: ServerFacts;
  readonly served: KnownModel | undefined;
  readonly file: RowsFile | undefined;
  readonly featureNames: readonly string[];
}

function chooseRows({ server, served, file, featureNames }: RowSources): Pick<Traffic, 'rows' | 'rowsFrom'> {
  if (file !== undefined) return { rows: rowsFor(featureNames, file), rowsFrom: file.file };
  const trainerRows = served?.trainerRows;
  if (served !== undefined && trainerRows !== undefined)
    return { rows: trainerRows, rowsFrom: `self_check.json of ${fromHere(served.folder)}` };
  if (served !== undefined)
    return {
      rows: rowsOfModel(served.booster, served.modelText, DRAWN_ROWS),
      rowsFrom: `drawn from the thresholds of ${fromHere(served.folder)}`,
    };
  if (server.exampleRows.length === 0)
    throw new DoesNotFit(`${server.origin} gives no example of a row: name rows by --model DIR or --rows FILE`);
  return {
    rows: rowsAround(server.exampleRows, DRAWN_ROWS),
    rowsFrom: "drawn around the examples of the server's /openapi.json",
  };
}
