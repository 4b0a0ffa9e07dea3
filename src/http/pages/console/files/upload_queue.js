import { Slots } from '../store/parallel.js';
import { Upload } from './upload.js';

const AT_ONCE = 4;
/** Over how many seconds the speed is averaged. */
const SMOOTHING = 5;

/** They go on while another view is shown. */
const queues = new WeakMap();

/**
 * The uploads of a session.
 * @param {import('../session.js').Session} session
 * @param {import('../store/s3.js').Store} store
 * @returns {UploadQueue}
 */
export function queueOf(session, store) {
  if (!queues.has(session)) {
    const queue = new UploadQueue(store);
    session.addEventListener('ended', () => queue.cancel());
    queues.set(session, queue);
  }
  return queues.get(session);
}

/**
 * Sends files a few at a time. It outlives the view that began it. Events: `change` at every step,
 * `stored` with the path in `detail` when a file has arrived, `left-parts` with a number in `detail` when parts stay of so many
 * uploads that will not be completed.
 */
export class UploadQueue extends EventTarget {
  /** @type {Upload[]} */
  uploads = [];
  /** Bytes in a second. */
  speed = 0;
  #store;
  #slots = new Slots(AT_ONCE);
  #running = 0;
  #timer = null;

  /** @param {import('../store/s3.js').Store} store */
  constructor(store) {
    super();
    this.#store = store;
    addEventListener('beforeunload', (event) => {
      if (this.isBusy) event.preventDefault();
    });
  }

  get isBusy() {
    return this.uploads.some((upload) => !upload.isOver);
  }

  /** @param {string[]} paths @returns {Upload[]} what is on its way to one of them */
  underWay(paths) {
    const wanted = new Set(paths);
    return this.uploads.filter((upload) => !upload.isOver && wanted.has(upload.path));
  }

  /** @param {{file: File, path: string}[]} files */
  add(files) {
    this.uploads.push(...files.map(({ file, path }) => new Upload(file, path)));
    this.#start();
  }

  /** @param {Upload} upload */
  retry(upload) {
    upload.reset();
    this.#start();
  }

  /** @param {Upload[]} [uploads] all of them unless named */
  cancel(uploads = this.uploads) {
    for (const upload of uploads) upload.cancel();
    this.#changed();
  }

  /** Forgets what is over; nobody can go on with what has failed then. */
  async clear() {
    const over = this.uploads.filter((upload) => upload.isOver);
    this.uploads = this.uploads.filter((upload) => !upload.isOver);
    this.#changed();
    await Promise.all(over.map((upload) => upload.forget(this.#store)));
    this.#tellLeftParts(over);
  }

  /** Says once of each upload that its parts stay. */
  #tellLeftParts(uploads) {
    const left = uploads.filter(({ leftParts }) => leftParts);
    for (const upload of left) upload.leftParts = false;
    if (left.length > 0) this.dispatchEvent(new CustomEvent('left-parts', { detail: left.length }));
  }

  /** @returns {{count: number, done: number, failed: number, lost: number, signedOut: number, size: number, sent: number, left: number | null}} */
  totals() {
    const wanted = this.uploads.filter((upload) => upload.state !== 'cancelled');
    const sum = (of) => wanted.reduce((total, upload) => total + of(upload), 0);
    const [size, sent] = [sum((upload) => upload.file.size), sum((upload) => upload.sent)];
    const having = (state) => wanted.filter((upload) => upload.state === state).length;
    return {
      count: wanted.length,
      done: having('done'),
      failed: having('failed'),
      lost: having('lost'),
      signedOut: having('signed-out'),
      size,
      sent,
      left: this.speed > 0 ? (size - sent) / this.speed : null,
    };
  }

  #start() {
    this.#measure();
    while (this.#running < AT_ONCE) {
      const upload = this.uploads.find((candidate) => candidate.state === 'waiting');
      if (!upload) break;
      this.#running += 1;
      upload.state = 'running';
      this.#run(upload);
    }
    this.#changed();
  }

  async #run(upload) {
    await upload.run(this.#store, this.#slots, () => this.#changed());
    this.#running -= 1;
    this.#tellLeftParts([upload]);
    if (upload.state === 'done') this.dispatchEvent(new CustomEvent('stored', { detail: upload.path }));
    this.#start();
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }

  /** Measures the speed once a second while something is sent. */
  #measure() {
    if (this.#timer || !this.isBusy) return;
    let before = this.totals().sent;
    this.speed = 0;
    this.#timer = setInterval(() => {
      const { sent } = this.totals();
      const now = Math.max(0, sent - before);
      this.speed = this.speed ? this.speed + (now - this.speed) / SMOOTHING : now;
      before = sent;
      if (!this.isBusy) {
        clearInterval(this.#timer);
        this.#timer = null;
      }
      this.#changed();
    }, 1000);
  }
}
