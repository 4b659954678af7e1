/** Good requests beside hostile ones: each must be answered, with its own score. */
import { type Golden, close } from '../../test/support/golden.js';
import { RawConnection, postBytes } from '../../test/support/raw-connection.js';

export class GoodRequests {
  readonly #port: number;
  readonly #golden: Golden;
  readonly #idle: RawConnection[] = [];
  #sent = 0;
  answered = 0;

  constructor(port: number, golden: Golden) {
    this.#port = port;
    this.#golden = golden;
  }

  /** Sends one on a connection that is kept. @returns what was wrong with its answer */
  async send(): Promise<string[]> {
    const { rows, calibrated } = this.#golden;
    const row = this.#sent++ % rows.length;
    const id = `good-${this.#sent}`;
    let connection = this.#idle.pop();
    if (connection === undefined || connection.closed) connection = await RawConnection.open(this.#port);
    await connection.send(postBytes('/score', JSON.stringify({ features: rows[row], request_id: id })));
    const answer = await connection.answer();
    if (answer?.status !== 200) return [`a good request: ${answer?.status ?? 'closed'} ${answer?.body ?? ''}`];
    this.#idle.push(connection);
    const { confidence_score, request_id }: { confidence_score: number; request_id: string } = JSON.parse(answer.body);
    if (request_id !== id || !close(confidence_score, calibrated[row]))
      return [`a good request got another answer: ${answer.body}`];
    this.answered++;
    return [];
  }

  close(): void {
    for (const connection of this.#idle) connection.close();
  }
}
