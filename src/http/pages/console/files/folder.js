import { fileEntry, folderEntry } from './entry.js';
import { comparison, merge } from './order.js';

/** What is in one folder, as its pages arrive: sorted, and filtered by what was typed. */
export class Folder {
  /** @type {import('./entry.js').Entry[]} */
  #all = [];
  #compare;
  #filter = '';
  #known = new Set();
  #gone;
  isComplete = false;

  /**
   * @param {string} path
   * @param {import('./order.js').Order} order
   * @param {import('./entry.js').Entry[]} [gone] what was just emptied; SeaweedFS lists a folder for some
   *   seconds more
   */
  constructor(path, order, gone = []) {
    this.path = path;
    this.#gone = new Set(gone.filter(({ isFolder }) => isFolder).map((entry) => entry.path));
    this.#compare = comparison(order);
  }

  get count() {
    return this.#all.length;
  }

  /** @returns {import('./entry.js').Entry[]} the lines to show */
  get shown() {
    return this.#filter ? this.#all.filter((entry) => entry.folded.includes(this.#filter)) : this.#all;
  }

  /** @param {string} path @returns {boolean} */
  has(path) {
    return this.#known.has(path);
  }

  /** @param {string} text */
  filter(text) {
    this.#filter = text.trim().toLowerCase();
  }

  /** @param {import('./order.js').Order} order */
  sort(order) {
    this.#compare = comparison(order);
    this.#all.sort(this.#compare);
  }

  /**
   * @param {import('../store/s3.js').Store} store
   * @param {{signal: AbortSignal, onPage: () => void}} options
   */
  async load(store, { signal, onPage }) {
    let after = null;
    do {
      const page = await store.list(this.path, { after, signal });
      this.#add(page);
      after = page.next;
      this.isComplete = !after;
      onPage();
    } while (after);
  }

  #add({ folders, objects }) {
    // The folder's own marker is not in it.
    const files = objects.filter((object) => object.path !== this.path).map(fileEntry);
    const entries = [...folders.map(folderEntry), ...files].filter(({ path }) => !this.#known.has(path) && !this.#gone.has(path));
    for (const { path } of entries) this.#known.add(path);
    this.#all = merge(this.#all, entries.sort(this.#compare), this.#compare);
  }
}
