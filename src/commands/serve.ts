/** `lightscore serve`: the server, from the environment to the signals that end it. */
import { Command } from 'commander';
import { readConfig } from '../config.js';
import { LightscoreError } from '../errors.js';
import { Server } from '../server.js';
import { ENVIRONMENT_HELP } from './environment-help.js';

export function serveCommand(): Command {
  return new Command('serve')
    .description('serve a model over HTTP; configured by environment variables')
    .addHelpText('after', ENVIRONMENT_HELP)
    .action(serve);
}

async function serve(): Promise<void> {
  const { config, warnings } = readConfig(process.env);
  const server = new Server(config);
  const { logger } = server.log;
  for (const warning of warnings) logger.warn({ event: 'config_warning' }, warning);

  const stop = (signal: NodeJS.Signals): void => {
    logger.info({ event: 'signal', signal }, `got ${signal}`);
    server.drain().then(
      () => process.exit(0),
      (error: unknown) => {
        logger.fatal({ event: 'drain_failed', err: error }, 'could not drain');
        server.log.flush();
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);

  try {
    await server.listen();
    const { http, access } = config;
    const origin = `${http.tls === undefined ? 'http' : 'https'}://${http.host === '0.0.0.0' || http.host === '::' ? 'localhost' : http.host}:${server.port}`;
    logger.info({ event: 'listening', url: origin, open: access.apiKeys.length === 0 }, `listening on ${origin}`);
    if (access.apiKeys.length === 0) logger.warn({ event: 'open' }, 'no API_KEYS are set: anyone who reaches this port may score');
    await server.loadModel();
    if (server.model !== undefined) greet(origin, server.model.card, access.apiKeys.length > 0);
  } catch (error) {
    await server.close();
    server.log.flush();
    if (error instanceof LightscoreError) throw error;
    throw new LightscoreError('WORKER_FAILED', error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** For the person who started it; the log says the same as JSON. On standard error, so that the log stays machine-readable. */
function greet(origin: string, { modelVersion, calibrationVersion, trees, featureNames, exampleRow }: { modelVersion: string; calibrationVersion: string; trees: number; featureNames: readonly string[]; exampleRow: readonly number[] }, needsKey: boolean): void {
  const key = needsKey ? ` -H 'X-API-Key: YOUR_KEY'` : '';
  const body = exampleRow.length <= 40 ? JSON.stringify({ features: exampleRow }) : `{"features": [${exampleRow.length} numbers]}`;
  process.stderr.write(
    `\nLightscore serves model ${modelVersion} (calibration ${calibrationVersion}, ${trees} trees, ${featureNames.length} features) on ${origin}\n` +
      `Try:   curl -s ${origin}/score -H 'Content-Type: application/json'${key} -d '${body}'\n` +
      `Docs:  ${origin}/docs\n\n`,
  );
}
