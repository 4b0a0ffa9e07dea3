import { StoreError } from './error.js';

/**
 * Where a session's bucket is: the first part of the path, or a host of its own as `storage.path_style` says.
 * @param {{endpoint: string, region: string, bucket: string, pathStyle: boolean}} session
 * @returns {string} without a slash at the end
 */
export function bucketUrl({ endpoint, region, bucket, pathStyle }) {
  const url = new URL(endpoint || `https://s3.${region}.amazonaws.com`);
  const base = url.pathname.replace(/\/+$/, '');
  if (url.hostname.startsWith(`${bucket}.`)) return `${url.origin}${base}`;
  return pathStyle ? `${url.origin}${base}/${bucket}` : `${url.protocol}//${bucket}.${url.host}${base}`;
}

/**
 * The key as it stands in a URL: everything but `/` escaped that a signature escapes.
 * @param {string} key
 * @throws {StoreError} `name`: URLs drop the segments `.` and `..`, so no browser can send them
 */
export function encodeKey(key) {
  const segments = key.split('/');
  if (segments.some((segment) => segment === '.' || segment === '..')) {
    throw new StoreError({ kind: 'name' });
  }
  try {
    return segments.map(encodeStrictly).join('/');
  } catch (cause) {
    // Half of a surrogate pair.
    throw new StoreError({ kind: 'name', cause });
  }
}

/**
 * `encodeURIComponent` by RFC 3986, as signatures have it.
 * @param {string} text
 */
export function encodeStrictly(text) {
  return encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

/**
 * A key of a listing with `encoding-type=url`; some stores write a space as `+`.
 * @param {string} text
 */
export function decodeKey(text) {
  return decodeURIComponent(text.replace(/\+/g, ' '));
}
