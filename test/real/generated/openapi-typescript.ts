// A client over the types that openapi-typescript has generated: scores rows and prints what it has read.
import { readFileSync } from 'node:fs';
import createClient from 'openapi-fetch';
import type { components, paths } from './schema.js';

const { BASE = '', KEY = '', ADMIN = '', ROWS = '' } = process.env;
const rows: components['schemas']['ScoreRequest']['features'][] = JSON.parse(readFileSync(ROWS, 'utf8'));
const connect = (key: string) =>
  createClient<paths>({ baseUrl: BASE, headers: key === '' ? {} : { 'X-API-Key': key } });
const scoring = connect(KEY);
const admin = connect(ADMIN);

function whole<T>(data: T | undefined): T {
  if (data === undefined) throw new Error('it was refused');
  return data;
}

const scores: number[] = [];
for (const features of rows) {
  const { data } = await scoring.POST('/score', { body: { features } });
  scores.push(whole(data).confidence_score);
}
const batch = await scoring.POST('/score_batch', { body: rows.map((features) => ({ features })) });
const bad = await scoring.POST('/score', { body: { features: rows[0].slice(0, 2) } });
const unauthenticated = await connect('').POST('/score', { body: { features: rows[0] } });
const unknown = await admin.POST('/admin/models/{version}/load', { params: { path: { version: 'v9.9.9+build.7' } } });
const conflict = await admin.POST('/admin/experiment/promote');
const none = whole((await admin.GET('/admin/experiment')).data).experiment === null;
const experiment = { version: 'v1.1.0', mode: 'shadow', share: 0.25 } as const;
const started = whole((await admin.PUT('/admin/experiment', { body: experiment })).data);
const models = whole((await admin.GET('/admin/models')).data);
await admin.DELETE('/admin/experiment');
const [model] = models.models;
console.log(
  JSON.stringify({
    scores,
    batch: whole(batch.data).map(({ confidence_score: score }) => score),
    bad: bad.error?.type,
    unauthenticated: unauthenticated.error?.type,
    unknown: unknown.error?.detail,
    conflict: conflict.error?.type,
    none,
    outcome: started.outcome,
    champion: models.champion,
    challenger: models.experiment?.challenger,
    share: models.experiment?.share,
    size: model.files[0].size,
    rows: model.self_check_rows?.tree_walk,
  }),
);
