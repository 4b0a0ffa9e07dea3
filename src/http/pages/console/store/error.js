/**
 * What went wrong between this page and the store.
 *
 * - `cors-or-network`: no answer that this page may read; browsers do not tell the two apart
 * - `denied`: the session may not do this
 * - `missing`: no such object, bucket or upload
 * - `expired`: the session has ended and could not be renewed
 * - `signed-out`: the sign-in has ended, so there are no more sessions
 * - `busy`: the store asks to slow down
 * - `store-down`: the store answers, and cannot
 * - `clock`: this machine's clock is too far off
 * - `no-etag`: the store's CORS rules do not expose `ETag`
 * - `name`: no browser can ask for an object of this name
 * - `cancelled`: the caller ended it
 * - `other`
 *
 * @typedef {'cors-or-network'|'denied'|'missing'|'expired'|'signed-out'|'busy'|'store-down'|'clock'|'no-etag'|'name'|'cancelled'|'other'} Kind
 */

const BY_CODE = {
  ExpiredToken: 'expired',
  InvalidAccessKeyId: 'expired',
  InvalidToken: 'expired',
  InvalidClientTokenId: 'expired',
  TokenRefreshRequired: 'expired',
  RequestTimeTooSkewed: 'clock',
  SlowDown: 'busy',
  TooManyRequests: 'busy',
};

/** The one error of everything under `store/`. */
export class StoreError extends Error {
  /** @param {{kind: Kind, code?: string, status?: number, cause?: unknown}} what */
  constructor({ kind, code = '', status = 0, cause }) {
    super([kind, code, status || ''].filter(Boolean).join(' '), { cause });
    this.name = 'StoreError';
    this.kind = kind;
    this.code = code;
    this.status = status;
  }

  /** Whether the same request may succeed a little later. */
  get isPassing() {
    return ['cors-or-network', 'busy', 'store-down'].includes(this.kind);
  }
}

/**
 * The error that an answer of the store stands for.
 * @param {number} status
 * @param {string} code S3's, from the body; empty where there is none
 * @returns {StoreError}
 */
export function errorOf(status, code) {
  return new StoreError({ kind: BY_CODE[code] ?? kindOfStatus(status), code, status });
}

/**
 * The error that stands for credentials that the gateway did not give.
 * @param {Error & {status?: number}} problem
 * @returns {StoreError}
 */
export function errorOfGateway(problem) {
  const { status = 0 } = problem;
  if (problem.name !== 'Problem') return new StoreError({ kind: 'other', cause: problem });
  if (problem.slug === 'signed-out') return new StoreError({ kind: 'signed-out', code: problem.slug, cause: problem });
  if (status === 0) return new StoreError({ kind: 'cors-or-network', cause: problem });
  const kind = status === 429 || status >= 500 ? 'busy' : 'expired';
  return new StoreError({ kind, code: problem.slug, status, cause: problem });
}

/** @returns {StoreError} */
export function cancelled() {
  return new StoreError({ kind: 'cancelled' });
}

/** @param {number} status @returns {Kind} */
function kindOfStatus(status) {
  if (status === 401 || status === 403) return 'denied';
  if (status === 404) return 'missing';
  if (status === 429 || status === 503) return 'busy';
  return status >= 500 ? 'store-down' : 'other';
}
