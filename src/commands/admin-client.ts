/** The client of a server's admin routes, configured by LIGHTSCORE_URL and LIGHTSCORE_ADMIN_KEY. */
import type { Command } from 'commander';
import { DEFAULTS } from '../config/config.js';
import { LightscoreError, messageOf } from '../errors.js';

const DEFAULT_URL = `http://localhost:${DEFAULTS.PORT}`;

export const ADMIN_HELP = `
Environment:
  LIGHTSCORE_URL        URL of the server (${DEFAULT_URL})
  LIGHTSCORE_ADMIN_KEY  one of its ADMIN_API_KEYS, without the id
`;

export interface AdminChange {
  readonly outcome: string;
  readonly version: string;
  readonly detail: string;
}

/**
 * Calls an admin route.
 * @param path below /admin, with a leading slash
 * @throws LightscoreError CONFIG_INVALID without a key, SERVER_UNREACHABLE, SERVER_REFUSED with the server's own reason
 */
export async function callAdmin<T>(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: object): Promise<T> {
  const key = process.env['LIGHTSCORE_ADMIN_KEY']?.trim();
  if (key === undefined || key === '')
    throw new LightscoreError(
      'CONFIG_INVALID',
      "LIGHTSCORE_ADMIN_KEY is not set: it must be one of the server's ADMIN_API_KEYS, without the id",
    );
  const base = (process.env['LIGHTSCORE_URL']?.trim() || DEFAULT_URL).replace(/\/+$/, '');
  let url: URL;
  try {
    url = new URL(`${base}/admin${path}`);
  } catch (error) {
    throw new LightscoreError(
      'CONFIG_INVALID',
      `LIGHTSCORE_URL must be a URL such as ${DEFAULT_URL}, not ${JSON.stringify(base)}`,
      { cause: error },
    );
  }
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      headers: { Authorization: `Bearer ${key}`, ...(body !== undefined && { 'Content-Type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw new LightscoreError('SERVER_UNREACHABLE', `${base} does not answer: ${messageOf(cause)}`, { cause: error });
  }
  const answer: unknown = await response.json().catch(() => undefined);
  if (response.ok && answer !== undefined) return answer as T;
  const detail =
    typeof answer === 'object' && answer !== null && 'detail' in answer
      ? String(answer.detail)
      : `the server answered ${response.status}`;
  const hint =
    response.status === 404 && detail.includes('/openapi.json') ? ' (is ADMIN_API_KEYS set on the server?)' : '';
  throw new LightscoreError('SERVER_REFUSED', `${base}: ${detail}${hint}`);
}

/** Makes a change and prints the server's answer. */
export async function changeAndPrint(method: 'POST' | 'PUT' | 'DELETE', path: string, body?: object): Promise<void> {
  const { detail } = await callAdmin<AdminChange>(method, path, body);
  process.stdout.write(`${detail}\n`);
}

export const withAdminHelp = (command: Command): Command => command.addHelpText('after', ADMIN_HELP);
