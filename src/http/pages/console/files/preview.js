import { h, icon } from '../dom.js';
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
 * Shows a file, and from there those beside it. Nothing in them reaches this page: a text is text, an image is drawn by `<img>`,
 * which runs no scripts, and a PDF is shown by the browser's own viewer, in a frame of the store's origin.
 * @param {import('./view.js').Context} context
 * @param {import('./entry.js').Entry} first
 * @param {import('./entry.js').Entry[]} files in their order
 * @returns {Promise<{last: import('./entry.js').Entry, then: 'rename' | 'delete' | null}>} what was shown last, and what comes next
 */
export async function preview(context, first, files) {
  const { t, canWrite } = context;
  let [last, then, stop] = [first, null, new AbortController()];
  const leave = (command) => {
    then = command;
    dialog.close();
  };
  const content = h('div', { class: 'files-preview-content' });
  const facts = h('p', { class: 'muted' });
  const step = (by) => {
    const next = files[files.indexOf(last) + by];
    if (!next) return;
    show(next);
    context.announce(next.name);
  };
  const arrow = (by, drawing) => h('button', { type: 'button', class: `quiet files-${drawing}`, 'aria-label': t(`files.preview.${drawing}`), title: t(`files.preview.${drawing}`), onclick: () => step(by) }, icon(drawing));
  const [before, after] = [arrow(-1, 'before'), arrow(1, 'after')];
  const show = async (entry) => {
    stop.abort();
    const { signal } = stop = new AbortController();
    last = entry;
    const index = files.indexOf(entry);
    [before.disabled, after.disabled] = [index <= 0, index === files.length - 1];
    dialog.element.querySelector('h2').textContent = entry.name;
    facts.textContent = `${sizeInWords(entry.size)} · ${when(entry.modified)}`;
    content.setAttribute('aria-busy', 'true');
    content.replaceChildren(h('p', { class: 'muted' }, t('files.loading')));
    const nodes = await shown(context, entry, signal).catch((error) => [h('p', { class: 'notice danger', role: 'alert' }, explain(error, t))]);
    if (signal.aborted) return;
    content.replaceChildren(...nodes);
    content.setAttribute('aria-busy', 'false');
  };
  const actions = [
    canWrite && h('button', { type: 'button', onclick: () => leave('delete') }, t('files.delete')),
    canWrite && h('button', { type: 'button', onclick: () => leave('rename') }, t('files.rename')),
    h('button', { type: 'button', onclick: () => share(context, last) }, t('files.share')),
    h('button', { type: 'button', class: 'primary', onclick: () => downloadOne(context, last) }, t('files.download')),
  ].filter(Boolean);
  const dialog = openDialog({ t, title: first.name, body: [h('div', { class: 'files-preview-bar' }, facts, before, after), content], actions, className: 'files-preview' });
  dialog.element.addEventListener('keydown', ({ key }) => {
    if (key === 'ArrowLeft') step(-1);
    if (key === 'ArrowRight') step(1);
  });
  show(first);
  await dialog.closed;
  stop.abort();
  return { last, then };
}

/** @returns {Promise<Node[]>} */
async function shown({ store, t }, entry, signal) {
  const extension = extensionOf(entry.name);
  const kind = kindOf(extension);
  const none = (reason) => [h('p', { class: 'muted' }, t(reason))];
  if (kind === 'image') return entry.size > IMAGE ? none('files.preview.big') : image(store, entry, extension, signal);
  if (kind === 'pdf') return pdf(store, entry, t, signal);
  return (await text(store, entry, t, kind === 'text', signal)) ?? none('files.preview.none');
}

async function image(store, entry, extension, signal) {
  const response = await store.get(entry.path, { isWhole: true, signal });
  const blob = new Blob([await response.arrayBuffer()], { type: imageType(extension) });
  const url = URL.createObjectURL(blob);
  signal.addEventListener('abort', () => URL.revokeObjectURL(url));
  return [h('img', { src: url, alt: entry.name })];
}

/** The text, or null if these bytes are none. */
async function text(store, entry, t, isSure, signal) {
  const response = entry.size === 0 ? new Response('') : await store.get(entry.path, { first: TEXT, isWhole: true, signal });
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
async function pdf(store, entry, t, signal) {
  const { url } = await store.presign(entry.path, { seconds: PDF, name: entry.name, as: 'pdf' });
  const { headers, body } = await fetch(url, { headers: { range: 'bytes=0-1023' }, signal });
  const begin = await new Response(body).text();
  if (headers.get('content-type') !== 'application/pdf' || !begin.startsWith('%PDF-')) {
    return [h('p', { class: 'muted' }, t('files.preview.notPdf'))];
  }
  // A link in a PDF opens in the place of the console: the browser asks first.
  addEventListener('beforeunload', (event) => event.preventDefault(), { signal });
  return [h('iframe', { src: `${url}#view=FitH`, title: entry.name, referrerpolicy: 'no-referrer' })];
}
