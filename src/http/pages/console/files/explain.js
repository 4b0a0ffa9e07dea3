/** Kinds of errors that have words of their own. */
const KINDS = new Set(['cors-or-network', 'denied', 'missing', 'expired', 'signed-out', 'busy', 'store-down', 'clock', 'no-etag', 'name']);

/**
 * An error in words. The store's own text is never shown.
 * @param {Error & {kind?: string, code?: string, status?: number}} error
 * @param {(key: string, values?: object) => string} t
 * @returns {string}
 */
export function explain(error, t) {
  if (error.code === 'FileChanged') return t('files.error.changed');
  if (KINDS.has(error.kind)) return t(`files.error.${error.kind}`);
  // A DOMException's code is a number that says nothing.
  const code = error.name === 'StoreError' ? error.code || error.status : '';
  return t('files.error.other', { code: code || error.name });
}
