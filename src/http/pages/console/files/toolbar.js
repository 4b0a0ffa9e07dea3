import { h } from '../dom.js';
import { icon } from '../icons.js';
import { chosenFiles } from './dropped.js';

/**
 * What can be done in a folder, and the filter.
 * @param {import('./view.js').Context} context
 * @param {{upload: Function, newFolder: Function, refresh: () => void, filter: (text: string) => void}} on
 * @returns {{element: HTMLElement, filter: HTMLInputElement}}
 */
export function toolbar({ t, canWrite }, on) {
  const filter = h('input', {
    type: 'search',
    class: 'files-filter',
    placeholder: t('files.filter'),
    'aria-label': t('files.filter'),
    autocomplete: 'off',
    spellcheck: 'false',
    oninput: () => on.filter(filter.value),
  });
  const writing = canWrite
    ? [
      chooser(t('files.upload'), { multiple: '' }, on.upload, 'primary files-upload'),
      chooser(t('files.uploadFolder'), { webkitdirectory: '' }, on.upload, 'files-upload-folder'),
      h('button', { type: 'button', class: 'files-new-folder', onclick: () => on.newFolder() }, icon('plus'), t('files.newFolder')),
    ]
    : [];
  const refresh = h('button', { type: 'button', class: 'quiet files-refresh', 'aria-label': t('files.refresh'), title: t('files.refresh'), onclick: () => on.refresh() }, icon('retry'));
  return { element: h('div', { class: 'files-bar' }, ...writing, filter, refresh), filter };
}

/** A button that opens the system's dialog for files. */
function chooser(label, kind, take, className) {
  const input = h('input', { type: 'file', hidden: true, 'aria-label': label, tabindex: '-1', ...kind });
  input.addEventListener('change', () => {
    const chosen = chosenFiles(input.files);
    // The same files can be chosen again.
    input.value = '';
    take(chosen);
  });
  const button = h('button', { type: 'button', class: className, onclick: () => input.click() }, icon('upload'), label);
  return h('span', { class: 'files-chooser' }, button, input);
}
