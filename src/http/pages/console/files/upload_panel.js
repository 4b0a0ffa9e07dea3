import { h, icon } from '../dom.js';
import { explain } from './explain.js';
import { duration, number, size } from './format.js';

/** The most lines at once: the rest is in the totals. */
const LINES = 60;
/** What deserves a line first. What is done has none: it is in the folder. */
const RANK = { failed: 0, 'signed-out': 1, lost: 2, running: 3, waiting: 4, cancelled: 5 };
const PERIOD = 200;

/**
 * Shows the queue of uploads with its progress.
 * @param {import('./upload_queue.js').UploadQueue} queue
 * @param {import('./view.js').Context} context
 */
export function uploadPanel(queue, { t, announce, uploads, signal }) {
  const title = h('h2', {}, '');
  const bar = h('progress', { max: '1', value: '0', 'aria-label': t('files.uploads') });
  const facts = h('p', { class: 'files-facts' }, '');
  const list = h('ul', { class: 'files-uploads', 'aria-label': t('files.uploads'), tabindex: '0' });
  const cancel = h('button', { type: 'button', onclick: () => queue.cancel() }, t('files.uploads.cancelAll'));
  const clear = h('button', { type: 'button', onclick: () => queue.clear() }, t('files.uploads.clear'));
  const panel = h('section', { class: 'files-panel', 'aria-label': t('files.uploads'), hidden: true },
    h('header', {}, title, cancel, clear), bar, facts, list);
  const lines = new Map();
  let wasBusy = queue.isBusy;
  let wasLost = false;
  const show = () => {
    const totals = queue.totals();
    const isBusy = queue.isBusy;
    panel.hidden = queue.uploads.length === 0;
    uploads.hidden = [...uploads.children].every((child) => child.hidden);
    title.textContent = heading(totals, isBusy, t);
    bar.hidden = totals.count === 0;
    bar.value = totals.size ? totals.sent / totals.size : Number(!isBusy);
    facts.textContent = isBusy ? speedOf(totals, queue.speed, t) : '';
    facts.hidden = !isBusy;
    cancel.hidden = !isBusy;
    clear.hidden = isBusy;
    showLines(list, lines, queue, t);
    if (wasBusy && !isBusy) announce(title.textContent, totals.failed ? 'problem' : undefined);
    if (!wasLost && totals.lost > 0) announce(t('files.uploads.lost'));
    wasBusy = isBusy;
    wasLost = totals.lost > 0;
  };
  let timer = null;
  const soon = () => {
    timer ??= setTimeout(() => {
      timer = null;
      show();
    }, PERIOD);
  };
  queue.addEventListener('change', soon, { signal });
  queue.addEventListener('left-parts', ({ detail: count }) => announce(t('files.uploads.leftParts', { count }), 'problem'), { signal });
  signal.addEventListener('abort', () => {
    clearTimeout(timer);
    panel.remove();
  });
  uploads.append(panel);
  show();
}

function heading({ count, done, failed }, isBusy, t) {
  const values = { done: number(done), count, total: number(count), failed: number(failed) };
  if (isBusy) return t('files.uploads.busy', values);
  if (count === 0) return t('files.uploads.cancelled');
  return failed > 0 ? t('files.uploads.failed', values) : t('files.uploads.done', { count: done });
}

function speedOf({ size: all, sent, left, lost, signedOut }, speed, t) {
  if (signedOut > 0) return t('files.uploads.signed-out');
  if (lost > 0) return t('files.uploads.lost');
  const progress = t('files.uploads.progress', { sent: size(sent), size: size(all) });
  if (left === null || left === Infinity) return progress;
  return `${progress} · ${t('files.uploads.speed', { speed: size(speed) })} · ${t('files.uploads.left', { duration: duration(left) })}`;
}

function showLines(list, lines, queue, t) {
  const ranked = queue.uploads.map((upload, index) => ({ upload, index })).filter(({ upload }) => upload.state in RANK);
  ranked.sort((a, b) => RANK[a.upload.state] - RANK[b.upload.state] || a.index - b.index);
  list.hidden = ranked.length === 0;
  const shown = ranked.slice(0, LINES).map(({ upload }) => upload);
  for (const [upload, line] of lines) {
    if (!shown.includes(upload)) {
      line.element.remove();
      lines.delete(upload);
    }
  }
  shown.forEach((upload, index) => {
    if (!lines.has(upload)) lines.set(upload, lineOf(upload, queue, t));
    const { element, update } = lines.get(upload);
    update();
    if (list.children[index] !== element) list.insertBefore(element, list.children[index] ?? null);
  });
}

/** @returns {{element: HTMLElement, update: () => void}} */
function lineOf(upload, queue, t) {
  const name = upload.file.name;
  const words = h('span', { class: 'files-upload-state' });
  const bar = h('progress', { max: '1', value: '0', 'aria-label': t('files.uploads.of', { name }) });
  const cancel = h('button', { type: 'button', class: 'quiet', 'aria-label': t('files.uploads.cancel', { name }), onclick: () => queue.cancel([upload]) }, icon('close'));
  const retry = h('button', { type: 'button', class: 'quiet', 'aria-label': t('files.uploads.retry', { name }), onclick: () => queue.retry(upload) }, icon('retry'));
  const element = h('li', {}, h('span', { class: 'files-upload-name', title: upload.path }, upload.path), words, bar, cancel, retry);
  const update = () => {
    const { state } = upload;
    element.className = `files-upload-${state}`;
    const values = { sent: size(upload.sent), size: size(upload.file.size) };
    words.textContent = state === 'failed' ? explain(upload.error, t) : t(`files.uploads.state.${state}`, values);
    bar.value = upload.file.size ? upload.sent / upload.file.size : Number(state === 'done');
    bar.hidden = !['running', 'lost', 'signed-out'].includes(state);
    cancel.hidden = upload.isOver;
    retry.hidden = !['failed', 'cancelled'].includes(state);
  };
  return { element, update };
}
