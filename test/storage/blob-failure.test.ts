import { expect, it } from 'vitest';
import { blobError, blobFailure } from '../../shared/storage/blob-failure.ts';

const failure = (fields: object, name = 'RestError') => Object.assign(new Error('x'), { name }, fields);

it.each([
  ['taken', failure({ statusCode: 409, code: 'BlobAlreadyExists' })],
  ['taken', failure({ statusCode: 412, code: 'LeaseIdMissing' })],
  ['missing', failure({ statusCode: 404, code: 'BlobNotFound' })],
  ['missing', failure({ statusCode: 404, details: { errorCode: 'BlobNotFound' } })],
  ['refused', failure({ statusCode: 404, details: { errorCode: 'ContainerNotFound' } })],
  ['rejected', failure({ statusCode: 409, code: 'ContainerBeingDeleted' })],
  ['rejected', failure({ statusCode: 429 })],
  ['rejected', failure({ code: 'ENOTFOUND' })],
  ['unclear', failure({ statusCode: 503, code: 'ServerBusy' })],
  ['unclear', failure({ statusCode: 408 })],
  ['unclear', failure({ code: 'ECONNRESET' })],
  ['unclear', failure({ code: 'EPIPE' }, 'Error')],
  ['unclear', failure({ code: 'REQUEST_SEND_ERROR' })],
  ['unclear', failure({}, 'AbortError')],
  ['refused', failure({ statusCode: 403, code: 'AuthorizationPermissionMismatch' })],
  ['refused', failure({ statusCode: 401 }, 'AuthenticationError')],
  ['refused', failure({}, 'CredentialUnavailableError')],
  ['refused', failure({ statusCode: 400, code: 'InvalidUri' })],
  ['bug', new TypeError('x is not a function')],
  ['bug', 'a string'],
])('%s: %o', (kind, error) => {
  expect(blobFailure(error).kind).toBe(kind);
});

it.each([
  ['TransientError', 'storage/unavailable', { kind: 'unclear', status: 503, code: 'ServerBusy' }],
  ['TransientError', 'storage/timeout', { kind: 'unclear', status: null, code: 'timeout' }],
  ['ConfigError', 'storage/denied', { kind: 'refused', status: 403, code: 'AuthorizationFailure' }],
  ['ConfigError', 'storage/no-container', { kind: 'refused', status: 404, code: 'ContainerNotFound' }],
  ['ConfigError', 'storage/refused', { kind: 'refused', status: 400, code: 'InvalidUri' }],
] as const)('%s %s names what was tried and the answer', (name, code, failed) => {
  const error = blobError(failed, { operation: 'get', key: 't/x', url: 'az://acct1/lake', attempts: 3, cause: new Error('x') });
  expect(error).toMatchObject({ name, code, facts: { operation: 'get', key: 't/x', status: failed.status, code: failed.code, attempts: 3 } });
  expect((error as Error).message).toMatch(/^get of "t\/x" in az:\/\/acct1\/lake ended with .* after 3 attempt/);
});
