import { h } from '../dom.js';
import { icon } from '../icons.js';
import { number } from './format.js';

/**
 * What can be done with what is selected. Hidden while nothing is.
 * @param {import('./view.js').Context} context
 * @param {Record<'download' | 'share' | 'rename' | 'move' | 'remove' | 'clear', () => void>} on
 * @returns {{element: HTMLElement, show: (selected: import('./entry.js').Entry[]) => void}}
 */
export function selectionBar({ t, canWrite }, on) {
  const words = h('span', { class: 'files-selected' });
  const button = (action, label, name) => h('button', { type: 'button', class: `files-do-${action}`, onclick: () => on[action]() }, icon(name), h('span', {}, label));
  const single = [button('share', t('files.share'), 'link')];
  if (canWrite) single.push(button('rename', t('files.rename'), 'rename'));
  const several = [button('download', t('files.download'), 'download'), ...single];
  if (canWrite) several.push(button('move', t('files.move'), 'move'), button('remove', t('files.delete'), 'trash'));
  const clear = h('button', { type: 'button', class: 'quiet files-clear', 'aria-label': t('files.clear'), onclick: () => on.clear() }, icon('close'));
  const element = h('div', { class: 'files-selection', role: 'toolbar', 'aria-label': t('files.selection'), hidden: true }, words, ...several, clear);
  const show = (selected) => {
    element.hidden = selected.length === 0;
    words.textContent = t('files.selected', { count: selected.length });
    // All that a phone has room for.
    words.dataset.count = number(selected.length);
    for (const one of single) one.hidden = selected.length !== 1;
  };
  return { element, show };
}
