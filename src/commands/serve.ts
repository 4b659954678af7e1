/** `lightscore serve`: runs the server, from reading the environment to the signals that end it. */
import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { readConfig } from '../config/config.js';
import { LightscoreError, messageOf } from '../errors.js';
import { type TransportKind, chooseTransport } from '../http/choose-transport.js';
import type { Logger } from '../telemetry/log.js';
import { ModelLoader } from '../loading/loader.js';
import { createScoringResources } from '../scoring/kernel.js';
import { ENVIRONMENT_HELP } from './environment-help.js';

/** How long a process that ends waits for its log to be written. */
const LOG_TIMEOUT_MS = 2000;

export function serveCommand(): Command {
  return new Command('serve')
    .description('serve a model over HTTP; configured by environment variables')
    .addHelpText('after', ENVIRONMENT_HELP)
    .action(serve);
}

async function serve(): Promise<void> {
  const { config, warnings } = readConfig(process.env);
  const { store } = config.models;
  // A bucket that does not answer may answer later; a missing folder is a mistake in the configuration.
  if (store.kind === 'folder' && !existsSync(store.folder))
    throw new LightscoreError('CONFIG_INVALID', `MODEL_DIR: the folder ${store.folder} does not exist`);
  const resources = createScoringResources();
  const loader = new ModelLoader(resources, config.models);
  loader.startThread();
  const [{ Server }, transports] = await Promise.all([import('../server.js'), chooseTransport(config.http)]);
  const server = new Server(config, { transports, resources, loader });
  const { logger } = server.log;
  logTransport(transports, logger);
  for (const warning of warnings) logger.warn({ event: 'config_warning' }, warning);

  let stopping = false;
  let exitCode = 0;
  const stop = (code: number): void => {
    exitCode = Math.max(exitCode, code);
    // SIGINT of Ctrl-C often arrives twice: from the terminal and from npm.
    if (stopping) return;
    stopping = true;
    server.drain().then(
      async () => {
        if (await server.log.finish(LOG_TIMEOUT_MS)) process.exit(exitCode);
        // A thread is blocked on writing to a log that nobody reads, and `exit` would wait for it.
        process.kill(process.pid, 'SIGKILL');
      },
      (error: unknown) => {
        logger.fatal({ event: 'drain_failed', err: error }, 'draining failed');
        server.log.flush();
        process.exit(1);
      },
    );
  };
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, (signal) => {
      logger.info({ event: 'signal', signal }, `received ${signal}`);
      stop(0);
    });
  }
  void server.givenUp.then(() => stop(1));
  // A bug: nobody can tell what it broke, so what was accepted is answered and the next process starts afresh.
  process.on('uncaughtException', (error) => {
    logger.fatal({ event: 'uncaught_exception', err: error }, 'the server met a fault of its own, and ends');
    stop(1);
  });
  process.on('SIGHUP', (signal) => {
    logger.info({ event: 'signal', signal }, `received ${signal}`);
    void server.reload(`signal:${signal}`);
  });

  try {
    await server.listen();
    const { http, access } = config;
    const scheme = http.tls === undefined ? 'http' : 'https';
    const host = http.host === '0.0.0.0' || http.host === '::' ? 'localhost' : http.host;
    const origin = `${scheme}://${host}:${server.port}`;
    logger.info({ event: 'listening', url: origin, open: access.apiKeys.length === 0 }, `listening on ${origin}`);
    if (access.apiKeys.length === 0)
      logger.warn({ event: 'open' }, 'API_KEYS is not set: anyone who can reach this port can score');
    await server.loadModel();
    if (server.model !== undefined) printGreeting(origin, server.model.card, access.apiKeys.length > 0);
  } catch (error) {
    await server.close();
    server.log.flush();
    if (error instanceof LightscoreError) throw error;
    throw new LightscoreError('WORKER_FAILED', messageOf(error), { cause: error });
  }
}

/**
 * Tells the person who started the server what the log says as JSON. The text goes to standard error, so that the log
 * on standard output stays machine-readable.
 */
function printGreeting(
  origin: string,
  {
    modelVersion,
    calibrationVersion,
    trees,
    featureNames,
    exampleRow,
  }: {
    modelVersion: string;
    calibrationVersion: string;
    trees: number;
    featureNames: readonly string[];
    exampleRow: readonly number[];
  },
  needsKey: boolean,
): void {
  const key = needsKey ? ` -H 'X-API-Key: YOUR_KEY'` : '';
  const body =
    exampleRow.length <= 40 ? JSON.stringify({ features: exampleRow }) : `{"features": [${exampleRow.length} numbers]}`;
  const size = `${trees} trees, ${featureNames.length} features`;
  const model = `model ${modelVersion} (calibration ${calibrationVersion}, ${size})`;
  process.stderr.write(
    `\nLightscore serves ${model} on ${origin}\n` +
      `Try:   curl -s ${origin}/score -H 'Content-Type: application/json'${key} -d '${body}'\n` +
      `Docs:  ${origin}/docs\n\n`,
  );
}

/** The first line of the log: what speaks HTTP, and what follows from it. */
function logTransport({ name, reason }: TransportKind, logger: Logger): void {
  const event = { event: 'transport', transport: name, ...(reason !== undefined && { reason }) };
  if (name === 'uws') logger.info(event, 'HTTP is spoken by uWebSockets.js');
  else if (reason === undefined) logger.info(event, "HTTP is spoken by Node's own server");
  else logger.warn(event, `HTTP is spoken by Node's own server, for about twice the CPU a request: ${reason}`);
  if (name !== 'uws' || Number(process.versions.node.split('.')[0]) > 20) return;
  const unanswered = 'requests with "_" or "." in a header name, more than 96 headers or a split request line';
  const remedy = 'use Node 22 or later, or TRANSPORT=node';
  logger.warn(
    { event: 'old_transport' },
    `the build of uWebSockets.js for Node 20 is old and does not answer ${unanswered}: ${remedy}`,
  );
}
