/** The client of a server's admin routes, configured by LIGHTSCORE_URL (or --url) and LIGHTSCORE_ADMIN_KEY. */
import type { Command } from 'commander';
import { DEFAULTS } from '../config/settings.js';
import { LightscoreError } from '../errors.js';
import { quote } from '../quote.js';
import { systemReason } from '../system-error.js';
import { type JsonFlag, printOutcome, withJson } from './output.js';

const DEFAULT_URL = `http://localhost:${DEFAULTS.PORT}`;

/** The flags of every command that calls a server. */
export interface AdminFlags extends JsonFlag {
  readonly url?: string;
}

export interface AdminCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below /admin, with a leading slash. */
  readonly path: string;
  readonly body?: object;
}

interface AdminChange {
  readonly outcome: string;
  readonly version: string;
  readonly detail: string;
}

/** Adds what every command has that calls a server: --url and --json. */
export function withServer(command: Command): Command {
  return withJson(command.option('--url <url>', `URL of the server (LIGHTSCORE_URL; ${DEFAULT_URL})`));
}

/**
 * Adds the help on the environment, and examples.
 * @param examples the command lines after "lightscore "
 */
export function withAdminHelp(command: Command, examples: readonly string[]): Command {
  return command.addHelpText(
    'after',
    `
Environment:
  LIGHTSCORE_ADMIN_KEY  one of the server's ADMIN_API_KEYS, without the id
  LIGHTSCORE_URL        URL of the server, where --url is not given (${DEFAULT_URL})

Examples:
${examples.map((example) => `  $ lightscore ${example}`).join('\n')}
`,
  );
}

/**
 * Calls an admin route.
 * @throws LightscoreError CONFIG_INVALID without a key, SERVER_UNREACHABLE, SERVER_REFUSED with the server's own reason
 */
export async function callAdmin<T>({ method, path, body }: AdminCall, flags: AdminFlags): Promise<T> {
  const key = process.env['LIGHTSCORE_ADMIN_KEY']?.trim();
  if (key === undefined || key === '')
    throw new LightscoreError(
      'CONFIG_INVALID',
      "LIGHTSCORE_ADMIN_KEY is not set: it must be one of the server's ADMIN_API_KEYS, without the id",
    );
  const { base, setBy } = serverUrl(flags);
  let response: Response;
  try {
    response = await fetch(`${base}/admin${path}`, {
      method,
      headers: { Authorization: `Bearer ${key}`, ...(body !== undefined && { 'Content-Type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  } catch (error) {
    const from = setBy === undefined ? 'set LIGHTSCORE_URL or --url' : `set by ${setBy}`;
    const reason = `${from}): ${connectReason(error)}`;
    throw new LightscoreError('SERVER_UNREACHABLE', `no server answers at ${base} (${reason}`, { cause: error });
  }
  const answer: unknown = await response.json().catch(() => undefined);
  if (response.ok && answer !== undefined) return answer as T;
  throw new LightscoreError('SERVER_REFUSED', refusal(base, response.status, answer));
}

/** The server's address, and the setting that names it; undefined where it is the default. */
function serverUrl({ url }: AdminFlags): { readonly base: string; readonly setBy: string | undefined } {
  const variable = process.env['LIGHTSCORE_URL']?.trim();
  const [given, setBy] =
    url !== undefined ? [url, '--url'] : variable ? [variable, 'LIGHTSCORE_URL'] : [DEFAULT_URL, undefined];
  if (!/^https?:\/\//i.test(given) || !URL.canParse(given))
    throw new LightscoreError('CONFIG_INVALID', `${setBy} must be a URL such as ${DEFAULT_URL}, not ${quote(given)}`);
  return { base: given.replace(/\/+$/, ''), setBy };
}

/** The system's reason for a failed connection: of the last address, where the name has several. */
function connectReason(error: unknown): string {
  const cause: unknown = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return systemReason(cause instanceof AggregateError ? cause.errors.at(-1) : cause);
}

/** What a refusal means to whoever runs the command: keys by their variable, everything else in the server's words. */
function refusal(base: string, status: number, answer: unknown): string {
  const wanted = "it must be one of the server's ADMIN_API_KEYS, without the id";
  if (status === 401) return `LIGHTSCORE_ADMIN_KEY is not accepted by ${base}: ${wanted}`;
  if (status === 403)
    return `LIGHTSCORE_ADMIN_KEY is a key for scoring at ${base}: it must be one of the server's ADMIN_API_KEYS`;
  const detail =
    typeof answer === 'object' && answer !== null && 'detail' in answer
      ? String(answer.detail)
      : `the server answered ${status}`;
  const hint = status === 404 && detail.includes('/openapi.json') ? ' (is ADMIN_API_KEYS set on the server?)' : '';
  return `${base}: ${detail}${hint}`;
}

/** Makes a change, and prints the server's answer. */
export async function changeAndPrint(call: AdminCall, flags: AdminFlags): Promise<void> {
  await printOutcome(flags, async () => {
    const change = await callAdmin<AdminChange>(call, flags);
    return { result: change, text: `${change.detail}\n` };
  });
}
