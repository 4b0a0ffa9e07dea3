import { h } from '../dom.js';
import { openDialog } from './dialog.js';
import { explain } from './explain.js';

/**
 * Runs something long behind a dialog that shows how far it is and stops it. What was done when it
 * stopped is said in the same dialog.
 *
 * @param {object} options
 * @param {(key: string, values?: object) => string} options.t
 * @param {string} options.title
 * @param {number} options.total steps
 * @param {(step: (done: number, words: string) => void, signal: AbortSignal) => Promise<void>} options.work
 * @param {() => string} options.stopped what was done, in words
 * @param {(words: string, kind: 'problem') => void} options.announce
 * @returns {Promise<boolean>} whether it went to its end
 */
export async function withProgress({ t, title, total, work, stopped, announce }) {
  const stop = new AbortController();
  const words = h('p', { 'aria-live': 'polite' });
  const bar = h('progress', { max: String(Math.max(1, total)), value: '0', 'aria-label': title });
  const button = h('button', { type: 'button', onclick: () => stop.abort() }, t('files.stop'));
  const dialog = openDialog({ t, title, body: [words, bar], actions: [button] });
  // Escape stops, and then says what was done.
  dialog.element.addEventListener('cancel', (event) => {
    if (!stop.signal.aborted) event.preventDefault();
    stop.abort();
  });
  dialog.element.addEventListener('close', () => stop.abort());
  const step = (done, said) => {
    bar.value = done;
    words.textContent = said;
  };
  try {
    await work(step, stop.signal);
    dialog.close();
    return true;
  } catch (error) {
    const reason = error.kind === 'cancelled' ? t('files.stopped') : explain(error, t);
    words.textContent = `${reason} ${stopped()}`;
    words.className = 'notice danger';
    bar.hidden = true;
    dialog.element.querySelector('h2').textContent = t('files.stopped.title');
    // From here on Escape closes.
    stop.abort();
    button.textContent = t('files.close');
    button.addEventListener('click', dialog.close);
    if (dialog.element.isConnected) await dialog.closed;
    else announce(words.textContent, 'problem');
    return false;
  }
}
