/** The routes of the server's documentation: the OpenAPI document and the page that renders it. */
import { DOCS_PAGE } from '../../contract/docs-page.js';
import { openApiDocument } from '../../contract/openapi.js';
import { EXAMPLE_REQUEST_ID } from '../../contract/openapi-scoring.js';
import type { Route } from '../../http/route.js';
import { VERSION } from '../../version.js';
import type { RouteContext } from '../context.js';
import { exampleAnswer } from '../score/answer.js';
import { withoutQuery } from './without-query.js';

const METHODS = ['GET', 'HEAD'] as const;

export function documentRoutes(context: RouteContext): Route[] {
  return [
    { path: '/openapi.json', methods: METHODS, handle: withoutQuery((exchange) => exchange.json(openApi(context))) },
    {
      path: '/docs',
      methods: METHODS,
      handle: withoutQuery((exchange) => exchange.send('200 OK', DOCS_PAGE.html, DOCS_PAGE.headers)),
    },
  ];
}

function openApi({ config, serving }: RouteContext): string {
  const card = serving()?.champion.card;
  const model = card && {
    modelVersion: card.modelVersion,
    calibrationVersion: card.calibrationVersion,
    featureNames: card.featureNames,
    features: card.exampleRow,
    response: exampleAnswer(card, EXAMPLE_REQUEST_ID),
  };
  return JSON.stringify(
    openApiDocument({
      version: VERSION,
      ...(model !== undefined && { model }),
      scoringNeedsKey: config.access.apiKeys.length > 0,
      metricsNeedsKey: config.access.metricsAuth,
      explain: config.explain,
      publicUrl: config.http.publicUrl,
      administered: config.access.adminApiKeys.length > 0,
    }),
  );
}
