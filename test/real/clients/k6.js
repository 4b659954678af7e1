// k6 run -e TARGET=URL -e BODY=FILE k6.js: 500 requests by 8 users, all of which must be answered with 200.
import http from 'k6/http';
import { check } from 'k6';

const body = open(__ENV.BODY);

export const options = { vus: 8, iterations: 500, thresholds: { checks: ['rate==1'] } };

export default function score() {
  const answer = http.post(`${__ENV.TARGET}/score`, body, { headers: { 'Content-Type': 'application/json' } });
  check(answer, {
    'is a 200 with a score': ({ status, body: text }) => status === 200 && text.includes('confidence_score'),
  });
}
