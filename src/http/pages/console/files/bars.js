import { h, icon } from '../dom.js';

/** @typedef {{file: File, path: string}} Chosen `path` is relative to the folder that is shown */

/**
 * The way from the root of the storage to a folder.
 * @param {string} path
 * @param {string} root the root's name
 * @param {(path: string) => string} addressOf
 * @param {(key: string, values?: object) => string} t
 * @returns {HTMLElement}
 */
export function breadcrumbs(path, root, addressOf, t) {
  const names = path.split('/').slice(0, -1);
  const paths = names.map((_, index) => `${names.slice(0, index + 1).join('/')}/`);
  const crumbs = [[root, ''], ...names.map((name, index) => [name || t('files.noName'), paths[index]])];
  const items = crumbs.map(([name, to], index) => {
    const isHere = index === crumbs.length - 1;
    return h('li', {}, h('a', { href: addressOf(to), 'aria-current': isHere ? 'page' : null }, name));
  });
  // At the root, the name of the place stands above already.
  return h('nav', { class: 'files-crumbs', hidden: path === '', 'aria-label': t('files.crumbs') }, h('ol', {}, ...items));
}

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
    placeholder: t('files.filter.short'),
    title: t('files.filter'),
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

/**
 * The files of an `<input type=file>`, of a folder too.
 * @param {FileList} files
 * @returns {Chosen[]}
 */
export function chosenFiles(files) {
  return [...files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
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

/**
 * What can be done with what is selected. Hidden while nothing is.
 * @param {import('./view.js').Context} context
 * @param {Record<'download' | 'share' | 'rename' | 'move' | 'remove' | 'clear', () => void>} on
 * @returns {{element: HTMLElement, show: (selected: import('./entry.js').Entry[]) => void}}
 */
export function selectionBar({ t, canWrite, isShared }, on) {
  const words = h('span', { class: 'files-selected' });
  const button = (action, label, name) => h('button', { type: 'button', class: `files-do-${action}`, onclick: () => on[action]() }, icon(name), h('span', {}, label));
  const share = button('share', t('files.share'), 'link');
  const single = [share];
  if (canWrite) single.push(button('rename', t('files.rename'), 'rename'));
  const download = button('download', t('files.download'), 'download');
  const several = [download, ...single];
  if (canWrite) several.push(button('move', t('files.move'), 'move'), button('remove', t('files.delete'), 'trash'));
  const clear = h('button', { type: 'button', class: 'quiet files-clear', 'aria-label': t('files.clear'), onclick: () => on.clear() }, icon('close'));
  const element = h('div', { class: 'files-selection', role: 'toolbar', 'aria-label': t('files.selection'), hidden: true }, words, ...several, clear);
  const show = (selected) => {
    element.hidden = selected.length === 0;
    words.textContent = t('files.selected', { count: selected.length });
    for (const one of single) one.hidden = selected.length !== 1;
    const isZip = selected.length > 1 || selected[0]?.isFolder;
    download.lastChild.textContent = t(isZip ? 'files.download.zip' : 'files.download');
    share.hidden ||= selected[0].isFolder && !isShared;
  };
  return { element, show };
}
