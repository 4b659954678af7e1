/** The blocks of the documentation that are shown but not run, each with the reason. */
import type { CommandBlock, Page } from './pages.js';
import { blocksOf } from './pages.js';

/** What a test cannot have. */
export const REASONS = {
  cluster: 'it needs a Kubernetes cluster',
  bucket: 'it needs a bucket in S3',
  container: 'it needs a container engine',
  minutes: 'it takes minutes of CPU, or runs the tests that run this',
  quiet: 'its limits hold on a machine that does nothing else; test/real runs it with wider ones',
  remote: "it needs another party's server",
} as const;

interface Excused {
  readonly page: string;
  /** The first line of the block that is no comment. */
  readonly firstLine: string;
  readonly reason: keyof typeof REASONS;
}

export const EXCUSED: readonly Excused[] = [
  {
    page: 'docs/dependencies.md',
    firstLine: 'git clone --bare --filter=blob:none https://github.com/uNetworking/uWebSockets.js uws.git',
    reason: 'remote',
  },
  {
    page: 'CONTRIBUTING.md',
    firstLine: 'npm test                 # all tests without a network, in a few minutes',
    reason: 'minutes',
  },
  { page: 'docs/guides/deploy.md', firstLine: 'docker build -t lightscore .', reason: 'container' },
  {
    page: 'docs/guides/deploy.md',
    firstLine: 'docker run -p 8000:8000 -v ./models:/models:ro lightscore',
    reason: 'container',
  },
  {
    page: 'docs/guides/deploy.md',
    firstLine: 'docker run -p 8000:8000 -e MODEL_S3_BUCKET=fraud-models -e AWS_REGION=ca-central-1 lightscore',
    reason: 'container',
  },
  {
    page: 'docs/guides/deploy.md',
    firstLine: 'docker run -p 8000:8000 -v ./models:/models:ro --read-only --cap-drop ALL \\',
    reason: 'container',
  },
  {
    page: 'docs/guides/deploy.md',
    firstLine: 'docker compose -f deploy/compose.yaml --profile monitoring up --build',
    reason: 'container',
  },
  {
    page: 'docs/guides/deploy.md',
    firstLine: 'kustomize edit set image lightscore=YOUR_REGISTRY/lightscore:0.1.0',
    reason: 'cluster',
  },
  {
    page: 'docs/guides/deploy.md',
    firstLine: 'HASH=$(printf %s "$KEY" | sha256sum | cut -d\' \' -f1)',
    reason: 'cluster',
  },
  { page: 'docs/guides/deploy.md', firstLine: 'kubectl apply -k deploy/kubernetes', reason: 'cluster' },
  {
    page: 'docs/guides/deploy.md',
    firstLine: "{ printf 'apiVersion: monitoring.coreos.com/v1\\nkind: PrometheusRule\\n'",
    reason: 'cluster',
  },
  {
    page: 'docs/guides/train.md',
    firstLine: 'lightscore publish trained/v1.0.0 --to s3://fraud-models/models --activate',
    reason: 'bucket',
  },
  {
    page: 'docs/guides/load-test.md',
    firstLine: 'npm run load -- constant --url http://localhost:8000 --rate 200 --duration 3',
    reason: 'quiet',
  },
  {
    page: 'docs/guides/load-test.md',
    firstLine: 'npm run load -- constant --url http://localhost:8000 --model models/v1.0.0 --rate 200 --duration 3',
    reason: 'quiet',
  },
  {
    page: 'docs/guides/load-test.md',
    firstLine: 'k6 run -e URL=http://localhost:8000 -e SCENARIO=constant loadtest/scenarios/k6.js',
    reason: 'quiet',
  },
  { page: 'docs/guides/operations.md', firstLine: 'node dist/loadtest/swap.js', reason: 'minutes' },
  { page: 'docs/performance/README.md', firstLine: 'npm run bench', reason: 'minutes' },
  {
    page: 'docs/performance/README.md',
    firstLine: 'npm run bench -- --quick --only kernel,http --json figures.json',
    reason: 'minutes',
  },
  {
    page: 'docs/performance/README.md',
    firstLine:
      'npm run bench -- --only kernel,http,python,explain,start --json "docs/performance/results/$(date +%F)-1.json"',
    reason: 'minutes',
  },
];

/** Why a block is not run; undefined where it is. */
export function excuseFor({ page, firstLine }: CommandBlock): keyof typeof REASONS | undefined {
  return EXCUSED.find((one) => one.page === page && one.firstLine === firstLine)?.reason;
}

/** Rows of the table that no block of the pages has. */
export function staleExcuses(pages: readonly Page[]): readonly Excused[] {
  const blocks = pages.flatMap(blocksOf);
  return EXCUSED.filter(
    ({ page, firstLine }) => !blocks.some((block) => block.page === page && block.firstLine === firstLine),
  );
}
