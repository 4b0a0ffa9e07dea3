const encoder = new TextEncoder();
/** S3's limit of a key, in bytes. */
const LONGEST = 1024;

/**
 * What speaks against a name that was typed.
 * @param {string} name
 * @param {string} folder where it is to be
 * @param {(key: string, values?: object) => string} t
 * @returns {string | null} in words
 */
export function nameProblem(name, folder, t) {
  if (name === '') return t('files.name.empty');
  if (name.includes('/')) return t('files.name.slash');
  if (name === '.' || name === '..') return t('files.name.dots');
  return encoder.encode(folder + name).length >= LONGEST ? t('files.name.long') : null;
}

/**
 * Gives each name once: `a.txt`, then `a (2).txt`.
 * @param {Iterable<string>} wanted names that are not given to another
 * @param {Iterable<string>} [taken] names that are not given at all
 * @param {(name: string) => string} [folded] the same for names that are taken for one
 * @returns {(name: string) => string}
 */
export function uniqueNames(wanted, taken = [], folded = (name) => name) {
  const reserved = new Set(Array.from(wanted, folded));
  const given = new Set(Array.from(taken, folded));
  return (name) => {
    const [, stem, extension] = /^(.*?[^/])(\.[^./]*)?$/s.exec(name) ?? ['', name, ''];
    let free = name;
    for (let number = 2; given.has(folded(free)) || (free !== name && reserved.has(folded(free))); number += 1) {
      free = `${stem} (${number})${extension ?? ''}`;
    }
    given.add(folded(free));
    return free;
  };
}
