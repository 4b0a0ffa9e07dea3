import { h, icon } from '../dom.js';
import { openForm } from './dialog.js';
import { nameOf, parentOf } from './entry.js';
import { explain } from './explain.js';

/**
 * A dialog to walk through the folders and choose one.
 * @param {import('./view.js').Context} context
 * @param {{start: string, count: number, check: (path: string) => Promise<string | null>}} options `check`
 *   says why not
 * @returns {Promise<string | null>} the folder's path
 */
export async function pickFolder({ store, root, t }, { start, count, check }) {
  let path = start;
  let chosen = null;
  const here = h('p', { class: 'files-picked', 'aria-live': 'polite' });
  const list = h('ul', { class: 'files-folders', 'aria-label': t('files.move.folders') });
  const item = (to, label, name) => h('li', {}, h('button', { type: 'button', class: 'quiet', onclick: () => go(to) }, icon(name), label));
  const go = async (to) => {
    path = to;
    here.textContent = t('files.move.here', { folder: [root, ...path.split('/').slice(0, -1)].join(' / ') });
    const up = path === '' ? [] : [item(parentOf(path), t('files.up'), 'up')];
    list.replaceChildren(...up);
    try {
      const folders = await foldersOf(store, to);
      if (path === to) list.replaceChildren(...up, ...folders.map((folder) => item(folder, nameOf(folder), 'folder')));
    } catch (error) {
      list.replaceChildren(...up, h('li', {}, explain(error, t)));
    }
    list.querySelector('button')?.focus();
  };
  const submit = async () => {
    // No other folder can be chosen while this one is checked.
    const picked = path;
    list.inert = true;
    const problem = await check(picked);
    list.inert = false;
    if (!problem) chosen = picked;
    return problem ?? undefined;
  };
  const dialog = openForm({ t, title: t('files.move.choose', { count }), body: [here, list], action: t('files.move.button'), submit });
  go(start);
  await dialog.closed;
  return chosen;
}

async function foldersOf(store, path) {
  const folders = [];
  let after = null;
  do {
    const page = await store.list(path, { after });
    folders.push(...page.folders);
    after = page.next;
  } while (after);
  return folders;
}
