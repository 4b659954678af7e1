/** The S3 client: its settings, its timeouts, and its errors in one line. */
import { S3Client } from '@aws-sdk/client-s3';
import { LightscoreError } from '../errors.js';

/** Timeouts in milliseconds and the number of attempts, after which S3 counts as unreachable. */
export interface S3RetryPolicy {
  readonly connectMs: number;
  /** Time from sending a request to the first byte of its response. */
  readonly responseMs: number;
  /** Time without a single byte, at any point of a transfer. */
  readonly idleMs: number;
  /** Attempts at each request, with the SDK's exponential backoff, and at each download that is interrupted. */
  readonly attempts: number;
}

export const S3_RETRY_POLICY: S3RetryPolicy = { connectMs: 3_000, responseMs: 10_000, idleMs: 10_000, attempts: 4 };

/** Used where neither AWS_REGION nor a profile names a region; the SDK follows S3's redirects to the bucket's own. */
const DEFAULT_REGION = 'us-east-1';

export interface S3ClientOptions {
  readonly retry?: Partial<S3RetryPolicy>;
  /** An S3 server other than AWS's; by default the one that the SDK's own settings name. */
  readonly endpoint?: string;
}

/**
 * The S3 client that this project uses. Credentials, region and endpoint are the SDK's own settings (AWS_ACCESS_KEY_ID,
 * AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL_S3 and so on), so where the SDK works already, only the name of a bucket is
 * needed.
 */
export function createS3Client({ retry = {}, endpoint = environmentEndpoint() }: S3ClientOptions = {}): S3Client {
  silenceVersionWarning();
  const { connectMs, responseMs, idleMs, attempts } = { ...S3_RETRY_POLICY, ...retry };
  return new S3Client({
    region: sdkRegion,
    followRegionRedirects: true,
    // Servers other than AWS's rarely have a host name for each bucket.
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
    maxAttempts: attempts,
    retryMode: 'standard',
    // Many S3 servers do not know the checksums that newer SDKs add by default.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: connectMs,
      requestTimeout: responseMs,
      throwOnRequestTimeout: true,
      socketTimeout: idleMs,
    },
  });
}

/**
 * The SDK prints eight lines about its future versions where Node is older than 22. The version that is pinned here
 * runs on Node 20, and nobody who runs this server can act on the warning. The SDK reads the variable when a client is
 * created; a value that is already set is kept.
 */
function silenceVersionWarning(): void {
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
}

function environmentEndpoint(): string | undefined {
  return process.env['AWS_ENDPOINT_URL_S3'] || process.env['AWS_ENDPOINT_URL'] || undefined;
}

async function sdkRegion(): Promise<string> {
  const plain = new S3Client({});
  try {
    return await plain.config.region();
  } catch (cause) {
    if (!(cause instanceof Error) || !/region is missing/i.test(cause.message)) throw cause;
    return DEFAULT_REGION;
  } finally {
    plain.destroy();
  }
}

/** The HTTP status of an S3 error; undefined where there was no response. */
export function statusOf(cause: unknown): number | undefined {
  if (!(cause instanceof Error) || !('$metadata' in cause)) return undefined;
  const metadata = cause.$metadata;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}

/** An error STORE_UNREACHABLE of one line that says what to check. */
export function s3Unreachable(location: string, cause: unknown): LightscoreError {
  return new LightscoreError('STORE_UNREACHABLE', `${location}: ${reasonOf(cause)}`, { cause });
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const status = statusOf(cause);
  const answer = status === undefined ? '' : ` (S3 answered ${status} ${cause.name})`;
  if (cause.name === 'NoSuchBucket') return `the bucket does not exist${answer}`;
  if (status === 401 || status === 403) return `access is denied${answer}`;
  if (cause.name === 'CredentialsProviderError')
    return 'the AWS SDK found no credentials (AWS_ACCESS_KEY_ID, AWS_PROFILE, a role)';
  // A refused connection to several addresses of one name is an AggregateError without a message.
  const detail = cause instanceof AggregateError && cause.message === '' ? String(cause.errors[0]) : cause.message;
  return `${detail.replaceAll(/\s+/g, ' ').trim() || cause.name}${answer}`;
}
