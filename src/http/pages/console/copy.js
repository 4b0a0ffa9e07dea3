import { h } from './dom.js';

const SHOWN = 2_000;

/**
 * A button that copies a text, and says so.
 * @param {() => string} text
 * @param {{t: Function, announce: Function, label?: string}} options
 */
export function copyButton(text, { t, announce, label = t('copy') }) {
  const words = h('span', {}, label);
  const button = h('button', { type: 'button', class: 'copy' }, words);
  let timer = 0;
  button.addEventListener('click', async () => {
    const copied = await navigator.clipboard.writeText(text()).then(() => true, () => false);
    words.textContent = t(copied ? 'copy.done' : 'copy.failed');
    announce(words.textContent);
    clearTimeout(timer);
    timer = setTimeout(() => {
      words.textContent = label;
    }, SHOWN);
  });
  return button;
}

/** A block to paste, with its button. @param {string} text */
export function codeBlock(text, { t, announce }) {
  const code = h('code', {}, text);
  return h('div', { class: 'code' },
    h('pre', {}, code),
    copyButton(() => text, { t, announce }));
}
