// Sends the requests of test/real/clients.test.ts with fetch; writes one line for each answer: case, status, body.
// node client.mjs URL FOLDER
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const [, , url, folder] = process.argv;
const one = readFileSync(join(folder, 'one.json'));
const batch = readFileSync(join(folder, 'batch.json'));

async function send(name, path, body, headers = {}) {
  const options = { method: 'POST', body, duplex: 'half', headers: { 'Content-Type': 'application/json', ...headers } };
  const answer = await fetch(url + path, options);
  return `${name}\t${answer.status}\t${await answer.text()}\n`;
}

const chunked = (body) => new Blob([body]).stream();

const lines = [];
for (let i = 0; i < 20; i++) lines.push(await send('one', '/score', one));
lines.push(await send('one', '/score', chunked(one)));
lines.push(await send('batch', '/score_batch', batch));
lines.push(await send('batch', '/score_batch', chunked(batch)));
lines.push(await send('batch', '/score_batch', gzipSync(batch), { 'Content-Encoding': 'gzip' }));
lines.push(...(await Promise.all(Array.from({ length: 20 }, () => send('one', '/score', one)))));
process.stdout.write(lines.join(''));
