import { bucketUrl, encodeKey, encodeStrictly } from './address.js';
import { errorCode, escape, parse, readPage, textOf } from './answer.js';
import { errorOf, StoreError } from './error.js';
import { Transport } from './transport.js';

/** The most that one CopyObject copies. */
const COPY_LIMIT = 5 * 1024 ** 3;
/** Headers of an object that belong to its content. */
const REPEATED = new Set(['content-type', 'cache-control', 'content-disposition', 'content-encoding', 'content-language', 'expires']);
/** Browsers open six connections to a host; two are left for what the person does meanwhile. */
const DELETES_AT_ONCE = 4;

/**
 * The storage that a session opens. A path is a key without the session's prefix; a folder's path ends
 * in `/`, and the root's is empty.
 */
export class Store {
  #transport;
  #copyLimit;

  /**
   * @param {{credentials: () => Promise<object>, expired: (used: object) => Promise<void>}} session
   * @param {{copyLimit?: number}} [limits] lower in tests
   */
  constructor(session, { copyLimit = COPY_LIMIT } = {}) {
    this.#transport = new Transport(session);
    this.#copyLimit = copyLimit;
  }

  /** Whether the store has answered this page: a failure without an answer is the network's then. */
  get hasAnswered() {
    return this.#transport.hasAnswered;
  }

  /**
   * One page of a folder, or with `delimiter: ''` of everything inside.
   * @param {string} path
   * @param {{delimiter?: string, after?: string | null, limit?: number, signal?: AbortSignal}} [options]
   * @returns {Promise<import('./answer.js').Page>}
   */
  async list(path, { delimiter = '/', after = null, limit = 1000, signal } = {}) {
    const { prefix } = await this.#transport.credentials();
    const query = { 'list-type': '2', 'encoding-type': 'url', 'max-keys': String(limit), prefix: prefix + path };
    if (delimiter) query.delimiter = delimiter;
    if (after) query['continuation-token'] = after;
    const response = await this.#transport.send({ method: 'GET', query, signal, isWhole: true });
    return readPage(await response.text(), prefix);
  }

  /**
   * The objects inside a folder and its folders, its markers included.
   * @param {string} path
   * @param {{signal?: AbortSignal}} [options]
   * @returns {AsyncGenerator<import('./answer.js').ObjectEntry>}
   */
  async *listAll(path, { signal } = {}) {
    let after = null;
    do {
      const page = await this.list(path, { delimiter: '', after, signal });
      yield* page.objects;
      after = page.next;
    } while (after);
  }

  /**
   * Whether there is such an object. Asks by a listing, because a missing object of a HEAD is an error
   * in the browser's log.
   * @param {string} path
   */
  async exists(path) {
    return (await this.find(path)) !== null;
  }

  /**
   * An object as a listing shows it, or null if there is none.
   * @param {string} path
   * @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<import('./answer.js').ObjectEntry | null>}
   */
  async find(path, { signal } = {}) {
    const { objects: [first] } = await this.list(path, { delimiter: '', limit: 1, signal });
    return first?.path === path ? first : null;
  }

  /**
   * @param {string} path
   * @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<{size: number, headers: Record<string, string>}>} `headers` are what an upload can repeat, as far as
   *   the store's CORS rules let this page read them
   */
  async head(path, { signal } = {}) {
    const { headers } = await this.#send({ method: 'HEAD', path, signal });
    const kept = [...headers].filter(([name]) => REPEATED.has(name) || name.startsWith('x-amz-meta-'));
    return { size: Number(headers.get('content-length')), headers: Object.fromEntries(kept) };
  }

  /**
   * @param {string} path
   * @param {{first?: number, isWhole?: boolean, signal?: AbortSignal}} [options] `first`: no more than this many bytes;
   *   `isWhole`: all of the body is there when this returns
   * @returns {Promise<Response>}
   */
  get(path, { first, isWhole, signal } = {}) {
    const headers = first ? { range: `bytes=0-${first - 1}` } : {};
    return this.#send({ method: 'GET', path, headers, isWhole, signal });
  }

  /**
   * @param {string} path
   * @param {BodyInit} body
   * @param {{type?: string, signal?: AbortSignal, onProgress?: (bytes: number) => void}} [options]
   */
  async put(path, body, { type, signal, onProgress } = {}) {
    await this.#send({ method: 'PUT', path, body, headers: typeHeader(type), signal, onProgress });
  }

  /**
   * Copies inside this storage: at once, or in parts beyond 5 GiB. Fails with `PreconditionFailed` if the object is not
   * the one that was listed any more.
   * @param {import('./answer.js').ObjectEntry} from
   * @param {string} to
   * @param {{signal?: AbortSignal}} [options]
   */
  async copy(from, to, { signal } = {}) {
    if (from.size > this.#copyLimit) {
      const { copyInParts } = await import('./multipart_copy.js');
      return copyInParts(this, from, to, { partSize: this.#copyLimit, signal });
    }
    await this.#etag({ method: 'PUT', path: to, headers: await this.#copySource(from), signal });
  }

  /** @param {string} path @param {{signal?: AbortSignal}} [options] */
  async delete(path, { signal } = {}) {
    await this.#send({ method: 'DELETE', path, signal });
  }

  /**
   * Deletes one by one, four at a time: Ceph 16 refuses DeleteObjects under the session's policy. Goes on past names that no
   * browser can ask for, and fails with `name` at the end.
   * @param {Iterable<string> | AsyncIterable<string>} paths
   * @param {{signal?: AbortSignal, onEach?: (path: string) => void}} [options]
   */
  async deleteAll(paths, { signal, onEach } = {}) {
    const { inParallel } = await import('./parallel.js');
    let unnameable = null;
    await inParallel(paths, DELETES_AT_ONCE, async (path) => {
      try {
        await this.delete(path, { signal });
        onEach?.(path);
      } catch (error) {
        if (error.kind !== 'name') throw error;
        unnameable = error;
      }
    });
    if (unnameable) throw unnameable;
  }

  /**
   * @param {string} path
   * @param {{type?: string, headers?: Record<string, string>, signal?: AbortSignal}} [options]
   * @returns {Promise<string>} its id
   */
  async createUpload(path, { type, headers = typeHeader(type), signal } = {}) {
    const root = await this.#xml({ method: 'POST', path, query: { uploads: '' }, headers, signal });
    return textOf(root, 'UploadId');
  }

  /**
   * @param {{path: string, id: string}} upload
   * @param {number} number from 1
   * @param {Blob} body
   * @param {{signal?: AbortSignal, onProgress?: (bytes: number) => void}} [options]
   * @returns {Promise<string>} the part's ETag
   */
  async putPart({ path, id }, number, body, { signal, onProgress } = {}) {
    const query = { partNumber: String(number), uploadId: id };
    const { headers } = await this.#send({ method: 'PUT', path, query, body, signal, onProgress });
    const etag = headers.get('etag');
    if (!etag) throw new StoreError({ kind: 'no-etag' });
    return etag;
  }

  /** As {@link putPart}, of bytes that the store has already. */
  async copyPart({ path, id }, number, { from, first, last }, { signal } = {}) {
    const query = { partNumber: String(number), uploadId: id };
    const headers = { ...(await this.#copySource(from)), 'x-amz-copy-source-range': `bytes=${first}-${last}` };
    return this.#etag({ method: 'PUT', path, query, headers, signal });
  }

  /**
   * @param {{path: string, id: string}} upload
   * @param {string[]} etags in the order of the parts
   * @param {{signal?: AbortSignal}} [options]
   */
  async completeUpload({ path, id }, etags, { signal } = {}) {
    const part = (etag, index) => `<Part><PartNumber>${index + 1}</PartNumber><ETag>${escape(etag)}</ETag></Part>`;
    const body = `<CompleteMultipartUpload>${etags.map(part).join('')}</CompleteMultipartUpload>`;
    await this.#etag({ method: 'POST', path, query: { uploadId: id }, body, signal });
  }

  /**
   * Frees the parts of an upload that will not be completed.
   * @param {{path: string, id: string}} upload
   * @returns {Promise<boolean>} false if the session may not; `buckets.abort_multipart_after` frees them then
   */
  async abortUpload({ path, id }) {
    try {
      await this.#send({ method: 'DELETE', path, query: { uploadId: id }, mayBeDenied: true });
      return true;
    } catch {
      return false;
    }
  }

  /**
   * A link to an object that anyone can open until its end: the one asked for, or the session's if that
   * comes first. It downloads: a page that an object holds must not open in the store's name.
   * @param {string} path
   * @param {{seconds: number, name: string, as?: 'attachment' | 'pdf'}} options
   * @returns {Promise<{url: string, ends: Date}>}
   */
  async presign(path, { seconds, name, as = 'attachment' }) {
    const { prefix } = await this.#transport.credentials();
    const lasts = Math.max(1, Math.min(seconds, await this.secondsLeft()));
    const query = as === 'pdf'
      ? { 'response-content-type': 'application/pdf', 'response-content-disposition': 'inline' }
      : { 'response-content-disposition': `attachment; filename*=UTF-8''${encodeStrictly(name)}` };
    const url = await this.#transport.presign({ key: prefix + path, query, seconds: lasts });
    return { url, ends: new Date(Date.now() + lasts * 1000) };
  }

  /** @returns {Promise<number>} how long the session still lasts; a link lasts no longer */
  async secondsLeft() {
    const { end, expiration } = await this.#transport.credentials();
    return Math.floor(((end ?? Date.parse(expiration)) - Date.now()) / 1000);
  }

  /** @returns {number} how often there were new credentials */
  get renewals() {
    return this.#transport.renewals;
  }

  /**
   * Waits for new credentials, which come after another sign-in.
   * @param {AbortSignal} signal
   */
  untilRenewed(signal) {
    return this.#transport.untilRenewed(signal);
  }

  /**
   * Where an object or a folder is, for other tools.
   * @param {string} path
   * @returns {Promise<{s3: string, https: string}>}
   */
  async addresses(path) {
    const credentials = await this.#transport.credentials();
    const key = credentials.prefix + path;
    return { s3: `s3://${credentials.bucket}/${key}`, https: `${bucketUrl(credentials)}/${encodeKey(key)}` };
  }

  /** @param {{path: string, etag?: string}} from */
  async #copySource({ path, etag }) {
    const { bucket, prefix } = await this.#transport.credentials();
    const source = { 'x-amz-copy-source': `/${bucket}/${encodeKey(prefix + path)}` };
    return etag ? { ...source, 'x-amz-copy-source-if-match': etag } : source;
  }

  /** The ETag in the answer: only what has one was stored, whatever a proxy says with a 200. */
  async #etag(request) {
    const etag = textOf(await this.#xml(request), 'ETag');
    if (!etag) throw new StoreError({ kind: 'other', code: 'NoResult' });
    return etag;
  }

  async #send({ path, ...request }) {
    const { prefix } = await this.#transport.credentials();
    return this.#transport.send({ ...request, key: prefix + path });
  }

  /** The answer's root element. Copies and completions answer 200 first and may fail after. */
  async #xml(request) {
    const response = await this.#send({ ...request, isWhole: true });
    const text = await response.text();
    const code = errorCode(text);
    if (code) throw errorOf(response.status, code);
    return parse(text);
  }
}

/** @param {string} [type] @returns {Record<string, string>} */
function typeHeader(type) {
  return type ? { 'content-type': type } : {};
}
