import { decodeKey } from './address.js';
import { parse, textOf } from './xml.js';

/**
 * @typedef {{path: string, size: number, modified: Date, etag: string}} ObjectEntry
 * @typedef {{folders: string[], objects: ObjectEntry[], next: string | null}} Page
 */

/**
 * One answer of ListObjectsV2.
 * @param {string} text
 * @param {string} prefix what the session's keys begin with; left out of the paths
 * @returns {Page} folders end in `/`
 */
export function readPage(text, prefix) {
  const root = parse(text);
  // A store that does not know `encoding-type` leaves the element out.
  const decode = textOf(root, 'EncodingType') === 'url' ? decodeKey : (key) => key;
  const path = (key) => decode(key).slice(prefix.length);
  const page = { folders: [], objects: [], next: null };
  for (const element of root.children) {
    if (element.name === 'Contents') page.objects.push(readObject(element, path));
    if (element.name === 'CommonPrefixes') page.folders.push(path(textOf(element, 'Prefix')));
  }
  const isTruncated = textOf(root, 'IsTruncated') === 'true';
  page.next = (isTruncated && textOf(root, 'NextContinuationToken')) || null;
  return page;
}

/** @returns {ObjectEntry} */
function readObject(element, path) {
  return {
    path: path(textOf(element, 'Key')),
    size: Number(textOf(element, 'Size')),
    modified: new Date(textOf(element, 'LastModified')),
    etag: textOf(element, 'ETag'),
  };
}
