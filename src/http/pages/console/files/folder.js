import { fileEntry, folderEntry } from './entry.js';

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
   * @param {Order} order
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

  /** @param {Order} order */
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

/** @typedef {{by: 'name' | 'size' | 'modified', descending: boolean}} Order */

const collators = new Map();

/** @returns {Intl.Collator} by which `a10` comes after `a9` */
function collator() {
  const language = document.documentElement.lang || 'en';
  if (!collators.has(language)) collators.set(language, new Intl.Collator(language, { numeric: true }));
  return collators.get(language);
}

/**
 * Compares two entries: folders first, then as asked, then by name.
 * @param {Order} order
 * @returns {(a: import('./entry.js').Entry, b: import('./entry.js').Entry) => number}
 */
export function comparison({ by, descending }) {
  const names = collator();
  const sign = descending ? -1 : 1;
  const value = by === 'size' ? (entry) => entry.size : (entry) => entry.modified?.getTime() ?? 0;
  return (a, b) => {
    if (a.isFolder !== b.isFolder) return a.isFolder ? -1 : 1;
    const difference = by === 'name' ? 0 : value(a) - value(b);
    return sign * (difference || names.compare(a.name, b.name));
  };
}

/**
 * Puts a sorted page into sorted entries, which costs less than to sort all of them at each page.
 * @template T
 * @param {T[]} left
 * @param {T[]} right
 * @param {(a: T, b: T) => number} compare
 * @returns {T[]}
 */
export function merge(left, right, compare) {
  // Pages arrive in an order that is usually the one of the names.
  if (left.length === 0 || right.length === 0 || compare(left.at(-1), right[0]) <= 0) return left.concat(right);
  const merged = [];
  let at = 0;
  for (const item of right) {
    while (at < left.length && compare(left[at], item) <= 0) merged.push(left[at++]);
    merged.push(item);
  }
  return merged.concat(left.slice(at));
}
