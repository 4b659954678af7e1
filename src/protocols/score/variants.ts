/**
 * The models that may answer a request, and the choice between them. An acceptor prepares both once for each value of
 * `Serving`.
 */
import { type Serving, challengerAssignment } from '../../registry/serving.js';
import type { ServedModel } from '../../scoring/served-model.js';
import type { Shadow } from '../../scoring/shadow.js';
import type { RouteContext } from '../context.js';
import { AnswerWriter } from './answer.js';
import { FeatureNames } from './feature-names.js';
import { ColumnOrders, type FeatureOrder, columnsOf } from '../../model/feature-order.js';
import type { ScoreQuery } from '../../contract/query.js';
import type { CallContext } from './score-call.js';

type VariantParts = Pick<RouteContext, 'config' | 'metrics' | 'predictions' | 'shadow'>;

/** A model in one role, champion or challenger. */
export interface Variant {
  readonly model: ServedModel;
  /** Undefined if requests carry exactly its features in its order. */
  readonly columns: ColumnOrders | undefined;
  readonly context: CallContext;
}

export interface Variants {
  readonly serving: Serving;
  readonly names: FeatureNames;
  readonly champion: Variant;
  /** @param key the request's key in the experiment; without one (undefined or empty) the choice is random */
  readonly choose: (key: string | undefined, query: ScoreQuery) => Variant;
  /** Whether `choose` depends on the key. */
  readonly dependsOnKey: boolean;
}

export function variantsOf(serving: Serving, parts: VariantParts): Variants {
  const { champion, experiment, requestNames } = serving;
  const names = new FeatureNames(requestNames);
  const plain = variantOf(champion, 'champion', requestNames, parts);
  if (experiment === undefined) return { serving, names, champion: plain, choose: () => plain, dependsOnKey: false };

  const { challenger, mode, share } = experiment;
  const isChallengers = challengerAssignment(challenger.card.version, share);
  const takesPart = (key: string | undefined): boolean =>
    key === undefined || key === '' ? Math.random() < share : isChallengers(key);
  if (mode === 'shadow') {
    const columns = columnsIn(champion.card.featureNames, challenger);
    const of: Shadow = {
      challenger,
      columns,
      observer: parts.metrics.ofShadow({
        modelVersion: challenger.card.modelVersion,
        champion: champion.card.modelVersion,
      }),
    };
    const shadowed: Variant = { ...plain, context: { ...plain.context, shadow: { of, queue: parts.shadow } } };
    const choose = (key: string | undefined): Variant => (takesPart(key) ? shadowed : plain);
    return { serving, names, champion: plain, choose, dependsOnKey: share < 1 };
  }
  const other = variantOf(challenger, 'challenger', requestNames, parts);
  return {
    serving,
    names,
    champion: plain,
    // If the challenger has no exact explanation, the champion answers requests that ask for one.
    choose: (key, { explain }) => (takesPart(key) && (explain !== 'shap' || challenger.explainable) ? other : plain),
    dependsOnKey: true,
  };
}

function variantOf(
  model: ServedModel,
  role: 'champion' | 'challenger',
  requestNames: readonly string[],
  { config, metrics, predictions }: VariantParts,
): Variant {
  const { card } = model;
  const columns = columnsIn(requestNames, model);
  return {
    model,
    columns: columns === null ? undefined : new ColumnOrders(columns),
    context: {
      answers: new AnswerWriter(card),
      modelVersion: JSON.stringify(card.modelVersion),
      metrics: metrics.ofModel({ modelVersion: card.modelVersion, variant: role }),
      durations: metrics.durations,
      timeoutMs: config.http.requestTimeoutMs,
      predictions,
      shadow: undefined,
    },
  };
}

function columnsIn(names: readonly string[], { card }: ServedModel): FeatureOrder {
  const columns = columnsOf(card.featureNames, names);
  // The registry never lets such a model serve, so this is a bug.
  if (columns === undefined)
    throw new RangeError(`${card.version} needs features that are not among those of requests: ${names.join(', ')}`);
  return columns;
}
