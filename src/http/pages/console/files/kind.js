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
