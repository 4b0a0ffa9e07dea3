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
