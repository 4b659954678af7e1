/** `lightscore serve`: runs the server, from reading the settings to the signals that end it. */
import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { AuditTrail } from '../audit/trail.js';
import { type Config, type Flags, inTermsOf, readConfig } from '../config/config.js';
import { LightscoreError, messageOf } from '../errors.js';
import { type TransportKind, chooseTransport } from '../http/choose-transport.js';
import { type Log, type Logger, openLog } from '../telemetry/log.js';
import { ModelLoader } from '../loading/loader.js';
import { createScoringResources } from '../scoring/kernel.js';
import type { ServedModel } from '../scoring/served-model.js';
import { answerSignals } from '../early-signals.js';
import type { Server } from '../server.js';
import { Ending } from './ending.js';
import { greeting } from './greeting.js';
import { writePidFile } from './pid-file.js';
import { addSettings, settingsGiven } from './serve-options.js';

const HELP = `
Each flag names its environment variable and default in brackets; a flag wins over the variable. AWS_REGION,
AWS_ENDPOINT_URL_S3 and credentials are read as the AWS SDK reads them.

Signals, to the process id of the first line, of every line of the log and of --pid-file:
  HUP        serve the version that settings and store name now; read keys and certificate again
  TERM, INT  answer what was accepted, then end

Examples:
  $ lightscore serve --model-dir models --port 8000
  $ lightscore serve --model-s3-bucket fraud-models --model-poll-seconds 30
  $ MODEL_DIR=models API_KEYS_FILE=keys.txt lightscore serve --pid-file lightscore.pid
  $ kill -HUP "$(cat lightscore.pid)"
`;

export function serveCommand(): Command {
  const command = new Command('serve')
    .summary('serve a model over HTTP')
    .description('serve a model over HTTP, as environment variables and flags say');
  command.argument('[model]', "a model file, a version's folder or one of versions, or s3://... (MODEL_PATH)");
  addSettings(command);
  return command.addHelpText('after', HELP).action((model?: string) => {
    const given = settingsGiven(command);
    if (model !== undefined && given.MODEL_PATH !== undefined)
      throw new LightscoreError('CONFIG_INVALID', 'the model is named twice: as an argument and by --model-path');
    return serve(model === undefined ? given : { ...given, MODEL_PATH: model });
  });
}

async function serve(flags: Flags): Promise<void> {
  try {
    await run(flags);
  } catch (error) {
    if (!(error instanceof LightscoreError) || error.code !== 'CONFIG_INVALID') throw error;
    throw new LightscoreError(error.code, inTermsOf(flags, error.message), { cause: error });
  }
}

async function run(flags: Flags): Promise<void> {
  const { config, warnings } = readConfig(process.env, flags);
  const { store } = config.models;
  // A bucket that does not answer may answer later; a missing folder is a mistake in the configuration.
  if (store.kind === 'path' && !store.path.startsWith('s3://') && !existsSync(store.path))
    throw new LightscoreError('CONFIG_INVALID', `MODEL_PATH: ${store.path} does not exist`);
  if (store.kind === 'folder' && !existsSync(store.folder))
    throw new LightscoreError('CONFIG_INVALID', `MODEL_DIR: the folder ${store.folder} does not exist`);
  const resources = createScoringResources();
  const loader = new ModelLoader(resources, config.models);
  loader.startThread();
  const log = openLog(config.log);
  const { logger } = log;
  const [{ Server }, transports, audit] = await Promise.all([
    import('../server.js'),
    chooseTransport(config.http),
    AuditTrail.open(config.log.auditFile, logger),
  ]);
  const server = new Server(config, { transports, resources, loader, log, audit });
  logTransport(transports, logger);
  for (const warning of warnings) logger.warn({ event: 'config_warning' }, warning);

  const ending = new Ending(server, config);
  onSignals(server, ending);

  try {
    await server.listen();
    if (config.pidFile !== undefined) {
      const before = writePidFile(config.pidFile);
      const replaced = `PID_FILE: ${config.pidFile} named process ${before}, which is still running`;
      if (before !== undefined) logger.warn({ event: 'pid_file_replaced', pid: before }, replaced);
    }
    const { http, access } = config;
    const scheme = http.tls === undefined ? 'http' : 'https';
    const host = http.host === '0.0.0.0' || http.host === '::' ? 'localhost' : http.host;
    const url = `${scheme}://${host}:${server.port}`;
    logger.info({ event: 'listening', url, open: access.apiKeys.length === 0 }, `listening on ${url}`);
    if (access.apiKeys.length === 0)
      logger.warn({ event: 'open' }, 'API_KEYS is not set: anyone who can reach this port can score');
    await server.loadModel();
    if (server.model !== undefined) announce(server.log, server.model, config, url);
  } catch (error) {
    // A signal ended the server while its model was loading.
    if (ending.begun) return;
    await ending.abandon();
    if (error instanceof LightscoreError) throw error;
    throw new LightscoreError('WORKER_FAILED', messageOf(error), { cause: error });
  }
}

function onSignals(server: Server, ending: Ending): void {
  const { logger } = server.log;
  answerSignals((signal) => {
    logger.info({ event: 'signal', signal }, `received ${signal}`);
    ending.begin(0);
  });
  void server.givenUp.then(() => ending.begin(1));
  // A bug: nobody can tell what it broke, so what was accepted is answered and the next process starts afresh.
  process.on('uncaughtException', (error) => {
    logger.fatal({ event: 'uncaught_exception', err: error }, 'the server met a fault of its own, and ends');
    ending.begin(1);
  });
  // Node would open its debugger for whoever can reach the loopback interface.
  process.on('SIGUSR1', (signal) => {
    logger.info({ event: 'signal', signal }, `received ${signal}, which does nothing`);
  });
  process.on('SIGHUP', (signal) => {
    logger.info({ event: 'signal', signal }, `received ${signal}`);
    void server.reload(`signal:${signal}`);
  });
}

/** Says that the server can score, in the log for programs and on a terminal for people. */
function announce(log: Log, { card, explainable }: ServedModel, { access, explain }: Config, url: string): void {
  const { modelVersion, trees, featureNames } = card;
  const size = { trees, features: featureNames.length };
  if (explain === 'shap' && !explainable)
    log.logger.warn(
      { event: 'explain_unsupported', model_version: modelVersion },
      `EXPLAIN is shap, but ${modelVersion} has no SHAP values: requests without explain=importance are refused`,
    );
  // Programs wait for this line, whatever LOG_LEVEL is, unless it is `silent`.
  const logger = log.logger.level === 'silent' ? log.logger : log.logger.child({}, { level: 'info' });
  logger.info(
    { event: 'ready', url, model_version: modelVersion, ...size },
    `model ${modelVersion} is ready on ${url}`,
  );
  log.terminal?.greet(greeting({ url, card, needsKey: access.apiKeys.length > 0, pid: process.pid }));
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
