/**
 * Who answers which request: everything that an acceptor prepares once for each assignment of `Serving`, and the choice
 * bound to it.
 */
import { type Serving, challengerDraw } from '../../registry/serving.js';
import type { ServedModel } from '../../scoring/served-model.js';
import type { Shadow } from '../../scoring/shadow.js';
import type { RouteContext } from '../context.js';
import { AnswerWriter } from './answer.js';
import { FeatureNames } from './feature-names.js';
import { ColumnOrders, type FeatureOrder, columnsOf } from '../../model/feature-order.js';
import type { ScoreQuery } from '../../contract/query.js';
import type { CallContext } from './score-call.js';

type VariantContext = Pick<RouteContext, 'config' | 'metrics' | 'predictions' | 'shadow'>;

/** A model in its role. */
export interface ModelFace {
  readonly model: ServedModel;
  /** Undefined where requests carry exactly its features in its order. */
  readonly columns: ColumnOrders | undefined;
  readonly context: CallContext;
}

export interface Variants {
  readonly serving: Serving;
  readonly names: FeatureNames;
  readonly champion: ModelFace;
  /** @param key of the request; undefined or empty: it has none, and lots are drawn */
  readonly choose: (key: string | undefined, query: ScoreQuery) => ModelFace;
  /** `choose` depends on the key. */
  readonly byRow: boolean;
}

export function variantsOf(serving: Serving, served: VariantContext): Variants {
  const { champion, experiment, requestNames } = serving;
  const names = new FeatureNames(requestNames);
  const plain = faceOf(champion, 'champion', requestNames, served);
  if (experiment === undefined) return { serving, names, champion: plain, choose: () => plain, byRow: false };

  const { challenger, mode, share } = experiment;
  const isDrawn = challengerDraw(challenger.card.version, share);
  const draw = (key: string | undefined): boolean =>
    key === undefined || key === '' ? Math.random() < share : isDrawn(key);
  if (mode === 'shadow') {
    const columns = columnsIn(champion.card.featureNames, challenger);
    const of: Shadow = {
      challenger,
      columns,
      observer: served.metrics.ofShadow({
        modelVersion: challenger.card.modelVersion,
        champion: champion.card.modelVersion,
      }),
    };
    const shadowed: ModelFace = { ...plain, context: { ...plain.context, shadow: { of, queue: served.shadow } } };
    return { serving, names, champion: plain, choose: (key) => (draw(key) ? shadowed : plain), byRow: share < 1 };
  }
  const other = faceOf(challenger, 'challenger', requestNames, served);
  return {
    serving,
    names,
    champion: plain,
    // What the challenger cannot explain the champion does.
    choose: (key, { explain }) => (draw(key) && (explain !== 'shap' || challenger.explainable) ? other : plain),
    byRow: true,
  };
}

function faceOf(
  model: ServedModel,
  variant: 'champion' | 'challenger',
  requestNames: readonly string[],
  { config, metrics, predictions }: VariantContext,
): ModelFace {
  const { card } = model;
  const columns = columnsIn(requestNames, model);
  return {
    model,
    columns: columns === null ? undefined : new ColumnOrders(columns),
    context: {
      answers: new AnswerWriter(card),
      modelVersion: JSON.stringify(card.modelVersion),
      metrics: metrics.ofModel({ modelVersion: card.modelVersion, variant }),
      durations: metrics.durations,
      timeoutMs: config.http.requestTimeoutMs,
      predictions,
      shadow: undefined,
    },
  };
}

function columnsIn(names: readonly string[], { card }: ServedModel): FeatureOrder {
  const columns = columnsOf(card.featureNames, names);
  // The registry lets no such model serve.
  if (columns === undefined)
    throw new RangeError(`${card.version} has features that are not among ${names.join(', ')}`);
  return columns;
}
