import { h } from '../dom.js';
import { existing } from './bulk.js';
import { openForm } from './dialog.js';
import { parentOf } from './entry.js';
import { explain } from './explain.js';
import { moveEntries } from './move.js';
import { nameProblem } from './name.js';

/**
 * Asks for another name and gives it.
 * @param {import('./view.js').Context} context
 * @param {import('./entry.js').Entry} entry
 * @returns {Promise<import('./view.js').Outcome>}
 */
export async function rename(context, entry) {
  const { store, t } = context;
  const folder = parentOf(entry.path);
  const slash = entry.isFolder ? '/' : '';
  let target = null;
  const input = h('input', { type: 'text', id: 'files-rename', autocomplete: 'off', autofocus: '', value: entry.name });
  const body = [h('label', { for: input.id }, t('files.rename.name')), input];
  const submit = async () => {
    const name = input.value.trim();
    if (name === entry.name) return undefined;
    const problem = nameProblem(name, folder, t);
    if (problem) return problem;
    try {
      const taken = await existing(store, [`${folder}${name}`, `${folder}${name}/`]);
      if (taken.length > 0) return t('files.name.taken', { name });
    } catch (error) {
      return explain(error, t);
    }
    target = `${folder}${name}${slash}`;
    return undefined;
  };
  const { closed } = openForm({ t, title: t('files.rename.title', { name: entry.name }), body, action: t('files.rename'), submit });
  // The extension usually stays.
  const dot = entry.isFolder ? -1 : entry.name.lastIndexOf('.');
  input.setSelectionRange(0, dot > 0 ? dot : entry.name.length);
  await closed;
  if (!target) return 'nothing';
  return moveEntries(context, [entry], () => target);
}
