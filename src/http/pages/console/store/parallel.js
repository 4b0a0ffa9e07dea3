/**
 * Runs `work` on each item, `limit` at a time. After a failure it begins nothing more, waits for what
 * is under way, and throws the first error.
 *
 * @template T
 * @param {Iterable<T> | AsyncIterable<T>} items
 * @param {number} limit
 * @param {(item: T) => Promise<void>} work
 */
export async function inParallel(items, limit, work) {
  const iterator = items[Symbol.asyncIterator]?.() ?? items[Symbol.iterator]();
  let failure = null;
  let last = Promise.resolve();
  // One `next` at a time, whatever kind of iterator this is.
  const next = () => (last = last.then(() => iterator.next()));
  const worker = async () => {
    while (!failure) {
      try {
        const { value, done } = await next();
        if (done || failure) return;
        await work(value);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: limit }, worker));
  if (failure) throw failure.error;
}

/** A limit that several callers share. */
export class Slots {
  #free;
  #waiting = [];

  /** @param {number} count */
  constructor(count) {
    this.#free = count;
  }

  /**
   * @template T
   * @param {() => Promise<T>} work
   * @returns {Promise<T>}
   */
  async run(work) {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }
}
