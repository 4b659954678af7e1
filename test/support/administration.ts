/** A server with admin keys over versions that a test may change. */
import type { TestContext } from 'node:test';
import { ModelStore } from './model-store.js';
import { type Answer, type Environment, type ServerProcess, startServer } from './server.js';

export const ADMIN_KEY = 'an-admin-key-of-the-tests';

export interface AdministeredServer {
  readonly server: ServerProcess;
  readonly store: ModelStore;
  /** One call of an admin route, with the admin key. */
  admin(method: string, path: string, body?: unknown): Promise<Answer>;
  /** The model version that answers now. */
  served(): Promise<unknown>;
}

/** Serves v1.0.0, which current.json names, unless `env` says otherwise; ends with the test. */
export async function startAdministered(
  t: TestContext,
  env: Environment = {},
  prepare: (store: ModelStore) => Promise<void> = (store) => store.point('v1.0.0'),
): Promise<AdministeredServer> {
  const store = await ModelStore.create();
  t.after(() => store.remove());
  await prepare(store);
  const server = await startServer({
    MODEL_DIR: store.folder,
    MODEL_VERSION: undefined,
    ADMIN_API_KEYS: `tester:${ADMIN_KEY}`,
    PREDICTION_LOG_SAMPLE: '0',
    DRAIN_TIMEOUT_MS: '200',
    ...env,
  });
  t.after(() => server.stop());
  return {
    server,
    store,
    admin: (method, path, body) =>
      server.request(`/admin${path}`, {
        method,
        headers: { 'X-API-Key': ADMIN_KEY },
        ...(body !== undefined && { body }),
      }),
    served: async () => (await server.request('/healthz')).json['model_version'],
  };
}
