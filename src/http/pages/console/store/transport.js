import { AwsV4Signer } from '../vendor/aws4fetch.js';
import { bucketUrl, encodeKey } from './address.js';
import { errorCode } from './answer.js';
import { cancelled, errorOf, errorOfGateway, StoreError } from './error.js';

/**
 * @typedef {object} Request
 * @property {string} method
 * @property {string} [key] none for the bucket itself
 * @property {Record<string, string>} [query]
 * @property {Record<string, string>} [headers]
 * @property {BodyInit} [body]
 * @property {AbortSignal} [signal]
 * @property {(bytes: number) => void} [onProgress] bytes of the body that were sent so far
 * @property {boolean} [mayBeDenied] whether even a fresh session may be refused this
 * @property {boolean} [isWhole] whether the answer's body is read here, so that losing it is a failure that is tried again
 */

const ATTEMPTS = 4;
const FIRST_PAUSE = 250;
/** The longest wait for the network between two tries, in milliseconds. */
const LONGEST = 10_000;

/** Signs requests with the session's credentials, sends them, and sends them again where that helps. */
export class Transport {
  #session;
  #keys = new Map();
  /** Whether the store has answered this page before: CORS is right then, and a failure is the network's. */
  hasAnswered = false;

  /** @param {{credentials: Function, expired: Function}} session */
  constructor(session) {
    this.#session = session;
  }

  /** @throws {StoreError} */
  credentials() {
    return this.#ask(() => this.#session.credentials());
  }

  /**
   * @param {Request} request
   * @returns {Promise<Response>} of a 2xx status
   * @throws {StoreError}
   */
  async send(request) {
    let renewed = false;
    for (let attempt = 1; ; attempt += 1) {
      const used = await this.credentials();
      try {
        return await this.#sendOnce(request, used);
      } catch (error) {
        if (!renewed && hasEnded(error, request)) {
          renewed = true;
          await this.#ask(() => this.#session.expired(used));
        } else if (error.isPassing && attempt < ATTEMPTS) {
          await pause(FIRST_PAUSE * 2 ** attempt * (0.5 + Math.random()), request.signal);
        } else {
          throw error;
        }
      }
    }
  }

  /** @returns {number} how often there were new credentials */
  get renewals() {
    return this.#session.renewals;
  }

  /** @param {AbortSignal} signal @returns {Promise<void>} rejects when aborted */
  untilRenewed(signal) {
    return new Promise((resolve, reject) => {
      this.#session.addEventListener('renewed', resolve, { once: true, signal });
      signal.addEventListener('abort', () => reject(cancelled()), { once: true });
    });
  }

  /**
   * A URL that works without further credentials until `seconds` are over.
   * @param {Pick<Request, 'key' | 'query'> & {seconds: number}} request
   */
  async presign({ key, query, seconds }) {
    const credentials = await this.credentials();
    const signer = this.#signer(credentials, { method: 'GET', key, query: { ...query, 'X-Amz-Expires': String(seconds) } }, true);
    return `${urlOf(signer)}&X-Amz-Signature=${await signer.signature()}`;
  }

  async #ask(session) {
    try {
      return await session();
    } catch (problem) {
      throw errorOfGateway(problem);
    }
  }

  async #sendOnce(request, credentials) {
    const { method, body, signal, onProgress } = request;
    if (signal?.aborted) throw cancelled();
    const signer = this.#signer(credentials, request, false);
    const headers = (await signer.sign()).headers;
    try {
      const response = await (onProgress
        ? withProgress(urlOf(signer), { method, headers, body, signal, onProgress })
        : fetch(urlOf(signer), { method, headers, body, signal, cache: 'no-store', referrerPolicy: 'no-referrer' }));
      this.hasAnswered = true;
      if (!response.ok) throw errorOf(response.status, errorCode(await response.text()));
      return request.isWhole ? responseOf(response, await response.arrayBuffer()) : response;
    } catch (error) {
      throw asStoreError(error, signal);
    }
  }

  #signer(credentials, { method, key, query = {}, headers = {} }, signQuery) {
    const path = key === undefined ? '' : `/${encodeKey(key)}`;
    const url = `${bucketUrl(credentials)}${path}?${new URLSearchParams(query)}`;
    const { accessKeyId, secretAccessKey, sessionToken, region } = credentials;
    const identity = { accessKeyId, secretAccessKey, sessionToken, region, service: 's3', cache: this.#keys };
    return new AwsV4Signer({ ...identity, url, method, headers, signQuery });
  }
}

/** Only uploads need it, so the first list does not wait for it. */
async function withProgress(url, request) {
  const { sendWithProgress } = await import('./progress.js');
  return sendWithProgress(url, request);
}

/**
 * An answer with a body that was read.
 * @param {{status: number, headers: HeadersInit}} answer
 * @param {BodyInit} body
 * @returns {Response}
 */
export function responseOf({ status, headers }, body) {
  const hasBody = ![204, 205, 304].includes(status);
  return new Response(hasBody ? body : null, { status, headers });
}

/** A session that was ended early is denied everything, on AWS and on stores that follow it. */
function hasEnded(error, { mayBeDenied }) {
  return error.kind === 'expired' || (error.kind === 'denied' && !mayBeDenied);
}

/**
 * The error that stands for an answer that did not come, or not to its end.
 * @param {unknown} error
 * @param {AbortSignal} [signal]
 * @returns {StoreError}
 */
export function asStoreError(error, signal) {
  if (signal?.aborted) return cancelled();
  return error instanceof StoreError ? error : new StoreError({ kind: 'cors-or-network', cause: error });
}

/** The URL exactly as it was signed: `URLSearchParams` would write a space as `+`. */
function urlOf({ url, encodedPath, encodedSearch }) {
  return `${url.origin}${encodedPath}${encodedSearch && '?'}${encodedSearch}`;
}

/**
 * @param {number} milliseconds
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>} rejects when aborted
 */
export function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(cancelled());
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', stop, { once: true });
  });
}

/**
 * Waits for the network: until the browser says that it is back, and no longer than some seconds,
 * because the browser does not know of a store that is out of reach.
 * @param {number} times how often this has failed in a row
 * @param {AbortSignal} signal
 */
export async function untilBack(times, signal) {
  const back = new AbortController();
  const online = new Promise((resolve) => {
    addEventListener('online', resolve, { once: true, signal: back.signal });
  });
  try {
    await Promise.race([online, pause(Math.min(LONGEST, 1000 * 2 ** (times - 1)), signal)]);
  } finally {
    back.abort();
  }
}
