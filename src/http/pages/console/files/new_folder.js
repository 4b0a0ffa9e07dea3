import { h } from '../dom.js';
import { existing } from './bulk.js';
import { openForm } from './dialog.js';
import { explain } from './explain.js';
import { nameProblem } from './name.js';

/**
 * Makes a folder as other S3 tools do: an empty object whose name ends in `/`.
 * @param {import('./view.js').Context} context
 * @param {string} folder where
 * @returns {Promise<import('./view.js').Outcome>}
 */
export async function newFolder({ store, t, announce }, folder) {
  let outcome = 'nothing';
  const input = h('input', { type: 'text', id: 'files-new-folder', autocomplete: 'off', autofocus: '' });
  const body = [h('label', { for: input.id }, t('files.newFolder.name')), input];
  const submit = async () => {
    const name = input.value.trim();
    const problem = nameProblem(name, folder, t);
    if (problem) return problem;
    const path = `${folder}${name}/`;
    try {
      if ((await existing(store, [path, path.slice(0, -1)])).length > 0) return t('files.name.taken', { name });
      await store.put(path, '', { type: 'application/x-directory' });
    } catch (error) {
      return explain(error, t);
    }
    outcome = 'done';
    announce(t('files.newFolder.done', { name }));
  };
  await openForm({ t, title: t('files.newFolder'), body, action: t('files.newFolder.create'), submit }).closed;
  return outcome;
}
