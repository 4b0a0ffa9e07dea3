import { h } from '../dom.js';
import { openDialog } from './dialog.js';
import { downloadOne } from './download.js';
import { extensionOf, imageType, kindOf } from './entry.js';
import { explain } from './explain.js';
import { size as sizeInWords, when } from './format.js';
import { share } from './share.js';

/** How much of a text is read. */
const TEXT = 256 * 1024;
/** The biggest image that is held in memory. */
const IMAGE = 50_000_000;
/** How long the link in a PDF's frame works: the viewer may ask for later pages. */
const PDF = 3600;

/**
 * Shows a file. Nothing in it reaches this page: a text is text, an image is drawn by `<img>`, which runs no scripts, and a PDF
 * is shown by the browser's own viewer, in a frame of the store's origin.
 * @param {import('./view.js').Context} context
 * @param {import('./entry.js').Entry} entry
 */
export async function preview(context, entry) {
  const { t } = context;
  const stop = new AbortController();
  const content = h('div', { class: 'files-preview-content', 'aria-busy': 'true' }, h('p', { class: 'muted' }, t('files.loading')));
  const facts = h('p', { class: 'muted' }, `${sizeInWords(entry.size)} · ${when(entry.modified)}`);
  const actions = [
    h('button', { type: 'button', onclick: () => share(context, entry) }, t('files.share')),
    h('button', { type: 'button', class: 'primary', onclick: () => downloadOne(context, entry) }, t('files.download')),
  ];
  const dialog = openDialog({ t, title: entry.name, body: [facts, content], actions, className: 'files-preview' });
  dialog.closed.then(() => stop.abort());
  try {
    content.replaceChildren(...await shown(context, entry, stop));
  } catch (error) {
    if (error.kind !== 'cancelled') content.replaceChildren(h('p', { class: 'notice danger', role: 'alert' }, explain(error, t)));
  }
  content.setAttribute('aria-busy', 'false');
  await dialog.closed;
}

/** @returns {Promise<Node[]>} */
async function shown({ store, t }, entry, stop) {
  const extension = extensionOf(entry.name);
  const kind = kindOf(extension);
  const none = (reason) => [h('p', { class: 'muted' }, t(reason))];
  if (kind === 'image') return entry.size > IMAGE ? none('files.preview.big') : image(store, entry, extension, stop);
  if (kind === 'pdf') return pdf(store, entry, t, stop);
  return (await text(store, entry, t, kind === 'text', stop)) ?? none('files.preview.none');
}

async function image(store, entry, extension, stop) {
  const response = await store.get(entry.path, { isWhole: true, signal: stop.signal });
  const blob = new Blob([await response.arrayBuffer()], { type: imageType(extension) });
  const url = URL.createObjectURL(blob);
  stop.signal.addEventListener('abort', () => URL.revokeObjectURL(url));
  return [h('img', { src: url, alt: entry.name })];
}

/** The text, or null if these bytes are none. */
async function text(store, entry, t, isSure, stop) {
  const response = entry.size === 0 ? new Response('') : await store.get(entry.path, { first: TEXT, isWhole: true, signal: stop.signal });
  const bytes = new Uint8Array(await response.arrayBuffer()).subarray(0, TEXT);
  const decoded = decode(bytes);
  if (!isSure && (decoded === null || decoded.includes('\0'))) return null;
  const pre = h('pre', { tabindex: '0', 'aria-label': entry.name }, decoded ?? new TextDecoder('latin1').decode(bytes));
  const rest = entry.size > TEXT ? [h('p', { class: 'notice' }, t('files.preview.part', { size: sizeInWords(TEXT) }))] : [];
  return [...rest, pre];
}

/** @returns {string | null} null where it is not UTF-8; the last character may be cut */
function decode(bytes) {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
  } catch {
    return null;
  }
}

/**
 * A PDF in the browser's own viewer, which sandboxed frames do not have. Viewers run a PDF's script, in an engine that has
 * forms and no web page; the frame has the store's origin, so the script reaches nothing here. What the store would serve as
 * anything but a PDF is not shown.
 */
async function pdf(store, entry, t, stop) {
  const { url } = await store.presign(entry.path, { seconds: PDF, name: entry.name, as: 'pdf' });
  const { headers, body } = await fetch(url, { headers: { range: 'bytes=0-1023' }, signal: stop.signal });
  const begin = await new Response(body).text();
  if (headers.get('content-type') !== 'application/pdf' || !begin.startsWith('%PDF-')) {
    return [h('p', { class: 'muted' }, t('files.preview.notPdf'))];
  }
  // A link in a PDF opens in the place of the console: the browser asks first.
  addEventListener('beforeunload', (event) => event.preventDefault(), { signal: stop.signal });
  return [h('iframe', { src: url, title: entry.name, referrerpolicy: 'no-referrer' })];
}
