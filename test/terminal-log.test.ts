/** Events as a terminal shows them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { TerminalLog } from '../src/telemetry/terminal-log.js';

function terminal(): { readonly log: TerminalLog; readonly logger: pino.Logger; shown(): string } {
  let text = '';
  const log = new TerminalLog((more) => (text += more));
  const logger = pino({ timestamp: pino.stdTimeFunctions.isoTime }, log);
  return { log, logger, shown: () => text.replaceAll(/^\d\d:\d\d:\d\d {2}/gm, 'TIME ') };
}

test('before the greeting, warnings and errors are shown, without the time', () => {
  const { logger, shown } = terminal();
  logger.info({ event: 'listening' }, 'listening on http://localhost:8000');
  logger.warn({ event: 'open' }, 'API_KEYS is not set');
  logger.error({ event: 'store_unreachable' }, 'the store does not answer');
  assert.equal(shown(), 'Warning: API_KEYS is not set\nError: the store does not answer\n');
});

test('after it, every event is a line with the time, but what only repeats another', () => {
  const { log, logger, shown } = terminal();
  log.greet('Lightscore serves\n');
  logger.info({ event: 'audit' }, 'audit: load v1.1.0 by signal:SIGHUP: done');
  logger.info({ event: 'reloaded' }, 'v1.1.0 is served');
  logger.info({ event: 'request_refused', route: '/score' }, 'A row has 14 features.');
  assert.equal(shown(), 'Lightscore serves\nTIME v1.1.0 is served\nTIME /score: A row has 14 features.\n');
});

test("an error's own message and stack follow where the line does not have them", () => {
  const { log, logger, shown } = terminal();
  log.greet('');
  logger.error({ err: new Error('no such version') }, 'the reload failed: no such version');
  logger.fatal({ err: new Error('out of order') }, 'a fault of its own');
  assert.match(
    shown(),
    /^TIME Error: the reload failed: no such version\nTIME Error: a fault of its own: Error: out of order\n +at /,
  );
});
