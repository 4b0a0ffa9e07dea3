/**
 * A line of a folder.
 * @typedef {{isFolder: boolean, path: string, name: string, folded: string, size: number, modified: Date | null}} Entry
 */

/** @param {string} path of a folder, ends in `/` @returns {Entry} */
export function folderEntry(path) {
  return entry(true, path, 0, null);
}

/** @param {import('../store/listing.js').ObjectEntry} object @returns {Entry} */
export function fileEntry({ path, size, modified }) {
  return entry(false, path, size, modified);
}

/** @param {string} path @returns {string} the last part, without a folder's slash */
export function nameOf(path) {
  return path.replace(/\/$/, '').split('/').pop();
}

/** @param {string} path @returns {string} the folder that it is in; empty for the root */
export function parentOf(path) {
  const named = path.replace(/\/$/, '');
  return named.slice(0, named.lastIndexOf('/') + 1);
}

/** @param {string} name @returns {string} its extension in lower case, without the dot */
export function extensionOf(name) {
  return /[^.]\.([A-Za-z0-9]{1,8})$/.exec(name)?.[1].toLowerCase() ?? '';
}

function entry(isFolder, path, size, modified) {
  const name = nameOf(path);
  return { isFolder, path, name, folded: name.toLowerCase(), size, modified };
}
