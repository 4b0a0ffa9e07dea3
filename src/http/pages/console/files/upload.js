import { StoreError } from '../store/error.js';
import { inParallel } from '../store/parallel.js';
import { untilBack } from '../store/transport.js';

/** From this size on a file is sent in parts, so that a lost network costs a part and not the file. */
const WHOLE = 16 * 1024 ** 2;
const PART = 8 * 1024 ** 2;
/** S3's limit. */
const MOST_PARTS = 10_000;

/** @typedef {'waiting' | 'running' | 'lost' | 'signed-out' | 'done' | 'failed' | 'cancelled'} State */

/** One file on its way. It remembers which parts have arrived until it is done or cancelled. */
export class Upload {
  /** @type {State} */
  state = 'waiting';
  /** @type {Error | null} */
  error = null;
  /** Whether parts stay in the store that this session may not remove. */
  leftParts = false;
  #cancel = new AbortController();
  /** @type {{path: string, id: string} | null} */
  #upload = null;
  /** @type {string[]} those of the parts that have arrived */
  #etags = [];
  /** @type {number[]} bytes on their way, by part */
  #moving = [];
  /** @type {string | null} that of the object which the upload replaces: no clock tells the two apart */
  #etagBefore = null;
  #restarted = false;

  /** @param {File} file @param {string} path */
  constructor(file, path) {
    this.file = file;
    this.path = path;
    this.partSize = Math.max(PART, Math.ceil(file.size / MOST_PARTS));
  }

  get isOver() {
    return ['done', 'failed', 'cancelled'].includes(this.state);
  }

  /** @returns {number} bytes that the store has, or that are on their way to it */
  get sent() {
    if (this.state === 'done') return this.file.size;
    const moving = this.#moving.reduce((sum, bytes) => sum + (bytes ?? 0), 0);
    const arrived = this.#etags.filter(Boolean).length * this.partSize;
    return Math.min(this.file.size, moving + arrived);
  }

  /** Makes a failed or cancelled upload wait again. */
  reset() {
    this.state = 'waiting';
    this.error = null;
    this.#cancel = new AbortController();
  }

  cancel() {
    if (this.isOver) return;
    if (this.state === 'waiting') this.state = 'cancelled';
    this.#cancel.abort();
  }

  /**
   * Sends the file. While the store cannot be reached or the person is signed out, waits and goes on with what is missing.
   * @param {import('../store/s3.js').Store} store
   * @param {import('../store/parallel.js').Slots} slots that all the uploads share
   * @param {() => void} changed
   */
  async run(store, slots, changed) {
    for (let lost = 0; !this.isOver; changed()) {
      this.state = 'running';
      const before = this.sent;
      const { renewals } = store;
      try {
        await this.#send(store, slots, changed);
        this.state = 'done';
      } catch (error) {
        this.#moving = [];
        lost = this.sent > before ? 1 : lost + 1;
        await this.#recover(error, store, { lost, renewals }, changed);
      }
    }
    if (this.state === 'cancelled') await this.forget(store);
  }

  /**
   * Gives up what has arrived.
   * @param {import('../store/s3.js').Store} store
   */
  async forget(store) {
    const upload = this.#upload;
    this.#upload = null;
    this.#etags = [];
    this.#moving = [];
    if (upload && !(await store.abortUpload(upload))) this.leftParts = true;
  }

  /** Decides what follows an error: another try, or the end. */
  async #recover(error, store, { lost, renewals }, changed) {
    if (this.#cancel.signal.aborted) {
      this.state = 'cancelled';
    } else if (await this.#hasChanged()) {
      this.#fail(new StoreError({ kind: 'other', code: 'FileChanged' }));
    } else if (error.isPassing && store.hasAnswered) {
      this.state = 'lost';
      changed();
      await untilBack(lost, this.#cancel.signal).catch(() => (this.state = 'cancelled'));
    } else if (error.kind === 'signed-out') {
      // The next sign-in may have come while the other parts were under way.
      if (store.renewals !== renewals) return;
      this.state = 'signed-out';
      changed();
      await store.untilRenewed(this.#cancel.signal).catch(() => (this.state = 'cancelled'));
    } else if (error.code === 'NoSuchUpload') {
      await this.#afterNoSuchUpload(error, store);
    } else {
      this.#fail(error);
    }
  }

  /** The completion's answer was lost, or the store has removed the upload: then once from the start. */
  async #afterNoSuchUpload(error, store) {
    const stored = await store.find(this.path).catch(() => null);
    const isOurs = stored && stored.size === this.file.size && stored.etag !== this.#etagBefore;
    this.#upload = null;
    this.#etags = [];
    if (isOurs) this.state = 'done';
    else if (this.#restarted) this.#fail(error);
    this.#restarted = true;
  }

  #fail(error) {
    this.state = 'failed';
    this.error = error;
  }

  async #send(store, slots, changed) {
    const signal = this.#cancel.signal;
    if (this.file.size > WHOLE) return this.#sendParts(store, slots, changed);
    return slots.run(() => store.put(this.path, this.file, { type: this.file.type, signal, onProgress: this.#moves(0, changed) }));
  }

  async #sendParts(store, slots, changed) {
    const signal = this.#cancel.signal;
    const count = Math.ceil(this.file.size / this.partSize);
    if (!this.#upload) {
      this.#etagBefore = (await store.find(this.path, { signal }))?.etag ?? null;
      this.#upload = { path: this.path, id: await store.createUpload(this.path, { type: this.file.type, signal }) };
    }
    const missing = [...Array(count).keys()].filter((index) => !this.#etags[index]);
    await inParallel(missing, 4, (index) => slots.run(async () => {
      const body = this.file.slice(index * this.partSize, (index + 1) * this.partSize);
      const onProgress = this.#moves(index, changed);
      this.#etags[index] = await store.putPart(this.#upload, index + 1, body, { signal, onProgress });
      this.#moving[index] = 0;
    }));
    await store.completeUpload(this.#upload, this.#etags, { signal });
    this.#upload = null;
  }

  #moves(index, changed) {
    return (bytes) => {
      this.#moving[index] = bytes;
      changed();
    };
  }

  /** Whether the file cannot be read any more; browsers report that as a failure of the network. */
  async #hasChanged() {
    return this.file.slice(0, 1).arrayBuffer().then(() => false, () => true);
  }
}
