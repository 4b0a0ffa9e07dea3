import { h } from '../dom.js';
import { explain } from './explain.js';

/** How long a link to download has for its start. */
const START = 60;
/** After this long the frame of a download is of no use: the browser has taken it over or refused it. */
const FRAME = 60_000;

/**
 * Downloads to disk. The browser streams it; nothing is held in memory. A frame asks for it, not the
 * page: an error of the store must not take the page's place. It is sandboxed, so an object of a store
 * that ignores `response-content-disposition` runs nothing.
 * @param {string} url @param {string} title of the frame
 */
export function downloadFrom(url, title) {
  const frame = h('iframe', { hidden: true, sandbox: 'allow-downloads', title, referrerpolicy: 'no-referrer', src: url });
  document.body.append(frame);
  setTimeout(() => frame.remove(), FRAME);
}

/**
 * Downloads one file.
 * @param {import('./view.js').Context} context
 * @param {import('./entry.js').Entry} entry
 */
export async function downloadOne({ store, t, announce }, entry) {
  try {
    if (!(await store.exists(entry.path))) return announce(t('files.error.missing'), 'problem');
    const { url } = await store.presign(entry.path, { seconds: START, name: entry.name });
    downloadFrom(url, t('files.download'));
    announce(t('files.download.begun', { name: entry.name }));
  } catch (error) {
    announce(explain(error, t), 'problem');
  }
}

/**
 * Downloads what is selected: a file as it is, anything more as a zip.
 * @param {import('./view.js').Context} context
 * @param {import('./entry.js').Entry[]} entries
 * @param {string} folder where they are
 */
export async function download(context, entries, folder) {
  if (entries.length === 1 && !entries[0].isFolder) return downloadOne(context, entries[0]);
  const { downloadZip } = await import('./zip.js');
  return downloadZip(context, entries, folder);
}
