import type { AssayError } from '../errors.ts';
import { ConfigError, TransientError } from '../errors.ts';

/**
 * What a failed request tells, from the status and `x-ms-error-code` (learn.microsoft.com, "Blob Storage error codes").
 * - `taken`: the name has an object (409, 412). - `missing`: no such object. - `rejected`: surely not done, worth another try.
 * - `unclear`: no answer, or a 5xx: done or not. - `refused`: trying again won't help. - `bug`: not a failed request at all.
 */
export type BlobFailure =
  | { readonly kind: 'taken' }
  | { readonly kind: 'missing' }
  | { readonly kind: 'bug' }
  | { readonly kind: 'rejected' | 'unclear' | 'refused'; readonly status: number | null; readonly code: string };

/** Errors of a connection that never stood, so nothing was sent on it. */
const NOT_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);
/** 409s of a container or account on the move, not of an object. */
const BUSY = new Set(['ContainerBeingDeleted', 'ContainerBeingCreated', 'AccountBeingCreated']);
const PASSING_STATUS = new Set([408, 500, 502, 503, 504]);

export function blobFailure(error: unknown): BlobFailure {
  if (!(error instanceof Error)) return { kind: 'bug' };
  const { statusCode, code = '', details } = error as Error & { statusCode?: number; code?: string; details?: { errorCode?: string } };
  if (statusCode === undefined) return withoutAnswer(error, code);
  const storageCode = details?.errorCode ?? code;
  if (statusCode === 404) return storageCode === 'ContainerNotFound' ? { kind: 'refused', status: 404, code: storageCode } : { kind: 'missing' };
  if (statusCode === 429 || (statusCode === 409 && BUSY.has(storageCode))) return { kind: 'rejected', status: statusCode, code: storageCode };
  if (statusCode === 409 || statusCode === 412) return { kind: 'taken' };
  if (PASSING_STATUS.has(statusCode)) return { kind: 'unclear', status: statusCode, code: storageCode };
  return { kind: 'refused', status: statusCode, code: storageCode };
}

function withoutAnswer(error: Error, code: string): BlobFailure {
  if (NOT_SENT.has(code)) return { kind: 'rejected', status: null, code };
  if (error.name === 'AbortError') return { kind: 'unclear', status: null, code: 'timeout' };
  if (error.name === 'RestError' || /^E[A-Z]+$/.test(code)) return { kind: 'unclear', status: null, code };
  // @azure/identity: no credential fits, or the token endpoint refused it.
  if (error.name === 'CredentialUnavailableError' || error.name === 'AggregateAuthenticationError') return { kind: 'refused', status: null, code: error.name };
  return { kind: 'bug' };
}

export interface FailedRequest {
  readonly operation: string;
  readonly key: string;
  readonly url: string;
  readonly attempts: number;
  readonly cause: unknown;
}

/** The error to throw once a failure is final. `taken`, `missing` and `bug` that reach here were expected by nobody: thrown as they came. */
export function blobError(failure: BlobFailure, { operation, key, url, attempts, cause }: FailedRequest): unknown {
  if (!('status' in failure)) return cause;
  const { status, code } = failure;
  const detail = { facts: { operation, key, status, code, attempts }, cause };
  const what = `${operation} of ${JSON.stringify(key)} in ${url} ended with ${status === null ? 'no answer' : `status ${status}`} (${code}) after ${attempts} attempt(s).`;
  if (failure.kind === 'refused') return refusal(what, code, detail);
  return new TransientError(code === 'timeout' ? 'storage/timeout' : 'storage/unavailable', `${what} The store or the network is busy: the work is tried again later.`, detail);
}

function refusal(what: string, code: string, detail: { facts: AssayError['facts']; cause: unknown }): ConfigError {
  const status = detail.facts['status'];
  if (code === 'ContainerNotFound') return new ConfigError('storage/no-container', `${what} Create the container, or correct LAKE_URL.`, detail);
  if (status === 401 || status === 403 || status === null) {
    return new ConfigError('storage/denied', `${what} Give the identity the role Storage Blob Data Contributor on the account, and check its firewall and this machine's clock.`, detail);
  }
  return new ConfigError('storage/refused', `${what} The account does not take this request: check LAKE_URL and the kind of the account.`, detail);
}
