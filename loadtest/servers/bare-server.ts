/**
 * The baseline of the benchmarks: uWebSockets.js alone. It reads the same body, parses it with JSON.parse and answers a
 * constant.
 *
 *     node bare-server.js ANSWER
 */
import uWS from 'uWebSockets.js';

const answer = process.argv[2] ?? '{}';

const app = uWS.App().post('/*', (res) => {
  let over = false;
  let chunks: Buffer | undefined;
  res.onAborted(() => {
    over = true;
  });
  res.onData((chunk, isLast) => {
    if (over) return;
    if (!isLast || chunks !== undefined) chunks = Buffer.concat([chunks ?? Buffer.alloc(0), Buffer.from(chunk)]);
    if (!isLast) return;
    const body: unknown = JSON.parse((chunks ?? Buffer.from(chunk)).toString());
    if (typeof body !== 'object') throw new TypeError('the body is not an object');
    res.cork(() => {
      res.writeHeader('Content-Type', 'application/json');
      res.end(answer);
    });
  });
});

app.listen('127.0.0.1', 0, (socket) => {
  if (socket === false) throw new Error('cannot listen on 127.0.0.1');
  process.stderr.write(`the bare server listens on http://localhost:${uWS.us_socket_local_port(socket)}\n`);
});
