// A client over the types that openapi-typescript has generated: scores rows and prints what it has read.
import { readFileSync } from 'node:fs';
import createClient from 'openapi-fetch';
import type { components, paths } from './schema.js';

const { BASE = '', KEY = '', ADMIN = '', ROWS = '', PROBLEMS = '', KINDS = '' } = process.env;
const rows: components['schemas']['ScoreRequest']['features'][] = JSON.parse(readFileSync(ROWS, 'utf8'));
const connect = (key: string, baseUrl = BASE) =>
  createClient<paths>({ baseUrl, headers: key === '' ? {} : { 'X-API-Key': key } });
const scoring = connect(KEY);
const admin = connect(ADMIN);

function whole<T>(data: T | undefined): T {
  if (data === undefined) throw new Error('it was refused');
  return data;
}

type Name = NonNullable<components['schemas']['ScoreRequest']['feature_names']>[number];
const names = (count: number): Name[] => (JSON.parse(process.env['NAMES'] ?? '') as Name[]).slice(0, count);

/** Every kind of problem, as the client decodes it. */
async function decodeProblems(): Promise<Record<string, unknown[]>> {
  const { score, load }: Record<'score' | 'load', string[]> = JSON.parse(KINDS);
  const api = connect('', PROBLEMS);
  const decoded: Record<string, unknown[]> = {};
  const add = (kind: string, problem: components['schemas']['Problem'] | undefined) => {
    const { type, status, title, detail, request_id: id, trace_id: trace, errors = [] } = whole(problem);
    decoded[kind] = [type, status, title, detail, id, trace, errors[0].pointer, errors[0].detail];
  };
  for (const kind of score)
    add(kind, (await api.POST('/score', { body: { features: rows[0], request_id: kind } })).error);
  for (const version of load)
    add(version, (await api.POST('/admin/models/{version}/load', { params: { path: { version } } })).error);
  return decoded;
}

const scores: number[] = [];
for (const features of rows) {
  const { data } = await scoring.POST('/score', { body: { features } });
  scores.push(whole(data).confidence_score);
}
const batch = await scoring.POST('/score_batch', { body: rows.map((features) => ({ features })) });
const explained = whole(
  (
    await scoring.POST('/score', {
      params: { query: { explain: 'shap', top_k: rows[0].length } },
      body: { features: rows[0].toReversed(), feature_names: names(rows[0].length).toReversed() },
    })
  ).data,
);
const bad = await scoring.POST('/score', { body: { features: rows[0].slice(0, 2) } });
const unauthenticated = await connect('').POST('/score', { body: { features: rows[0] } });
const unknown = await admin.POST('/admin/models/{version}/load', { params: { path: { version: 'v9.9.9+build.7' } } });
const conflict = await admin.POST('/admin/experiment/promote');
const none = whole((await admin.GET('/admin/experiment')).data).experiment === null;
const idle = whole((await admin.GET('/admin/models')).data);
const experiment = { version: 'v1.1.0', mode: 'shadow', share: 0.25 } as const;
const started = whole((await admin.PUT('/admin/experiment', { body: experiment })).data);
const models = whole((await admin.GET('/admin/models')).data);
const ended = whole((await admin.DELETE('/admin/experiment')).data);
const [model] = models.models;
console.log(
  JSON.stringify({
    scores,
    batch: whole(batch.data).map(({ confidence_score: score }) => score),
    expected: explained.expected_value,
    contributions: explained.top_features.map(({ contribution }) => contribution),
    problems: await decodeProblems(),
    bad: bad.error?.type,
    unauthenticated: unauthenticated.error?.type,
    unknown: unknown.error?.detail,
    conflict: conflict.error?.type,
    none,
    idle: idle.experiment === null && idle.under_way === null,
    named: idle.named_by_store?.by,
    ended: ended.outcome,
    role: model.role,
    outcome: started.outcome,
    champion: models.champion,
    challenger: models.experiment?.challenger,
    share: models.experiment?.share,
    size: model.files[0].size,
    rows: model.self_check_rows?.tree_walk,
  }),
);
