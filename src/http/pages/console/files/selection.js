/** Which paths are selected. Event: `change`. */
export class Selection extends EventTarget {
  #paths = new Set();
  /** @type {string | null} where a range begins */
  anchor = null;

  get size() {
    return this.#paths.size;
  }

  /** @param {string} path @returns {boolean} */
  has(path) {
    return this.#paths.has(path);
  }

  clear() {
    this.set([]);
  }

  /** @param {string[]} paths these and no others @param {string | null} [anchor] */
  set(paths, anchor = paths[0] ?? null) {
    this.#paths = new Set(paths);
    this.anchor = anchor;
    this.dispatchEvent(new Event('change'));
  }

  /** Forgets the others. @param {(path: string) => boolean} isThere */
  keep(isThere) {
    this.set([...this.#paths].filter(isThere));
  }

  /** @param {string} path */
  toggle(path) {
    if (!this.#paths.delete(path)) this.#paths.add(path);
    this.anchor = path;
    this.dispatchEvent(new Event('change'));
  }
}
