/** The S3 client of this project: its settings, timeouts and errors. */
import { S3Client } from '@aws-sdk/client-s3';
import { S3_ADDRESSING, type S3Addressing } from '../config/s3-addressing.js';
import { LightscoreError } from '../errors.js';
import { quote } from '../quote.js';

/** Timeouts and retries before S3 counts as unreachable; times in milliseconds. */
export interface S3RetryPolicy {
  readonly connectMs: number;
  /** From sending a request to the first byte of the response. */
  readonly answerMs: number;
  /** Time without a single byte, at any point of a transfer. */
  readonly silenceMs: number;
  /**
   * A download that is slower than this, once its first time is over, is given up: it would hold the only load slot for
   * hours. A model of 1 GiB takes three hours at most.
   */
  readonly leastBytesPerSecond: number;
  readonly leastRateAfterMs: number;
  /** Attempts for each request, with the SDK's exponential backoff between them, and for each interrupted download. */
  readonly attempts: number;
}

export const S3_RETRY_POLICY: S3RetryPolicy = {
  connectMs: 3_000,
  answerMs: 10_000,
  silenceMs: 10_000,
  leastBytesPerSecond: 100_000,
  leastRateAfterMs: 20_000,
  attempts: 4,
};

/** The region if neither AWS_REGION nor a profile names one; the SDK follows S3's redirects to the bucket's region. */
const DEFAULT_REGION = 'us-east-1';

export interface S3ClientOptions {
  readonly retry?: Partial<S3RetryPolicy>;
  /** By default what MODEL_S3_ADDRESSING says. */
  readonly addressing?: S3Addressing;
  /** An S3 server other than AWS; the default is the endpoint in the SDK's own settings. */
  readonly endpoint?: string;
}

/**
 * Creates an S3 client. Credentials, region and endpoint are the SDK's own settings (AWS_ACCESS_KEY_ID, AWS_PROFILE,
 * AWS_REGION, AWS_ENDPOINT_URL_S3 and so on), so that a bucket's name is enough if the SDK is configured already.
 */
export function createS3Client({
  retry = {},
  endpoint = environmentEndpoint(),
  addressing = environmentAddressing(),
}: S3ClientOptions = {}): S3Client {
  silenceVersionWarning();
  const { connectMs, answerMs, silenceMs, attempts } = { ...S3_RETRY_POLICY, ...retry };
  return new S3Client({
    region: sdkRegion,
    followRegionRedirects: true,
    // S3 servers other than AWS rarely have a host name for each bucket.
    forcePathStyle: addressing === 'path' || (addressing === 'auto' && endpoint !== undefined),
    ...(endpoint !== undefined && { endpoint }),
    maxAttempts: attempts,
    retryMode: 'standard',
    // Many S3 servers do not know the checksums that newer SDKs add by default.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: connectMs,
      requestTimeout: answerMs,
      throwOnRequestTimeout: true,
      socketTimeout: silenceMs,
    },
  });
}

/**
 * Silences the SDK, which prints eight lines about its future versions on Node before 22. The pinned version runs on
 * Node 20, and an operator cannot act on the warning. The SDK reads the variable when it creates a client; a value from
 * the environment is kept.
 */
function silenceVersionWarning(): void {
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
}

/** @throws LightscoreError CONFIG_INVALID where it is no address */
function environmentEndpoint(): string | undefined {
  for (const name of ['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL'] as const) {
    const endpoint = process.env[name];
    if (endpoint === undefined || endpoint === '') continue;
    if (!/^https?:\/\//.test(endpoint))
      throw new LightscoreError(
        'CONFIG_INVALID',
        `${name}: ${quote(endpoint)} does not begin with http:// or https://`,
      );
    return endpoint;
  }
  return undefined;
}

function environmentAddressing(): S3Addressing {
  return S3_ADDRESSING.find((name) => name === process.env['MODEL_S3_ADDRESSING']) ?? 'auto';
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

/** Returns the HTTP status of an S3 error; undefined if there was no response. */
export function statusOf(cause: unknown): number | undefined {
  if (!(cause instanceof Error) || !('$metadata' in cause)) return undefined;
  const metadata = cause.$metadata;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}

/** The id that S3 gives each answer; undefined where somebody else has answered. */
export function requestIdOf(cause: Error): string | undefined {
  const metadata: unknown = '$metadata' in cause ? cause.$metadata : undefined;
  if (typeof metadata !== 'object' || metadata === null || !('requestId' in metadata)) return undefined;
  return typeof metadata.requestId === 'string' ? metadata.requestId : undefined;
}

/** Creates a STORE_UNREACHABLE error whose one line says what to check. */
export function s3Unreachable(location: string, cause: unknown): LightscoreError {
  return new LightscoreError('STORE_UNREACHABLE', `${location}: ${reasonOf(cause)}`, { cause });
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const status = statusOf(cause);
  const answer = status === undefined ? '' : ` (S3 answered ${status} ${cause.name})`;
  if (cause.name === 'NoSuchBucket') return `the bucket does not exist${answer}`;
  if (cause.name === 'RequestTimeTooSkewed')
    return `the clock of this machine and the store's differ by more than S3 allows (15 minutes)${answer}`;
  if (status === 404 && cause.name !== 'NoSuchKey' && requestIdOf(cause) === undefined)
    return 'what answers there with 404 is not S3: check AWS_ENDPOINT_URL, and what stands in front of the store';
  if ('code' in cause && cause.code === 'EPROTO')
    return 'the endpoint does not speak TLS: its address should begin with http:// (AWS_ENDPOINT_URL)';
  if (status === 401 || status === 403) return `access is denied${answer}`;
  if (cause.name === 'CredentialsProviderError')
    return 'the AWS SDK found no credentials (AWS_ACCESS_KEY_ID, AWS_PROFILE, a role)';
  // A refused connection to several addresses of one name is an AggregateError without a message.
  const detail = cause instanceof AggregateError && cause.message === '' ? String(cause.errors[0]) : cause.message;
  return `${detail.replaceAll(/\s+/g, ' ').trim() || cause.name}${answer}`;
}
