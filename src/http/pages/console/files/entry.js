/**
 * A line of a folder.
 * @typedef {{isFolder: boolean, path: string, name: string, folded: string, size: number, modified: Date | null}} Entry
 */

/** @param {string} path of a folder, ends in `/` @returns {Entry} */
export function folderEntry(path) {
  return entry(true, path, 0, null);
}

/** @param {import('../store/answer.js').ObjectEntry} object @returns {Entry} */
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

const IMAGES = {
  apng: 'image/apng', avif: 'image/avif', bmp: 'image/bmp', gif: 'image/gif', ico: 'image/x-icon', jpeg: 'image/jpeg',
  jpg: 'image/jpeg', png: 'image/png', svg: 'image/svg+xml', webp: 'image/webp',
};

const TEXTS = new Set(('txt md csv tsv log json jsonl xml yaml yml toml ini conf cfg env html htm css js mjs ts tsx jsx py rs go java '
  + 'c h cc cpp hpp cs rb php pl sh bash zsh ps1 bat sql r jl lua swift kt scala tex bib srt vtt diff patch rst adoc').split(' '));

/**
 * What a preview shows a file as, by its name: the type that the store keeps is whatever its uploader said.
 * @param {string} extension in lower case
 * @returns {'image' | 'text' | 'pdf' | 'unknown'}
 */
export function kindOf(extension) {
  if (extension in IMAGES) return 'image';
  if (TEXTS.has(extension)) return 'text';
  return extension === 'pdf' ? 'pdf' : 'unknown';
}

/** @param {string} extension of an image @returns {string} */
export function imageType(extension) {
  return IMAGES[extension];
}
