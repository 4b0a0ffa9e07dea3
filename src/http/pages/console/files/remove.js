import { h } from '../dom.js';
import { isFile, objectsOf } from './bulk.js';
import { openForm } from './dialog.js';
import { explain } from './explain.js';
import { number, size as sizeInWords } from './format.js';
import { withProgress } from './progress_dialog.js';

/**
 * Deletes entries with everything inside, after a question that counts it.
 * @param {import('./view.js').Context} context
 * @param {import('./entry.js').Entry[]} entries
 * @returns {Promise<import('./view.js').Outcome>}
 */
export async function remove(context, entries) {
  const objects = await confirmed(context, entries);
  if (!objects) return 'nothing';
  const { store, t, announce } = context;
  let deleted = 0;
  const total = objects.length;
  const values = () => ({ done: number(deleted), total: number(total) });
  const stopped = () => t('files.delete.stopped', values());
  const work = (step, signal) => store.deleteAll(objects.map(({ path }) => path), {
    signal,
    onEach: () => {
      deleted += 1;
      step(deleted, t('files.delete.step', values()));
    },
  });
  const isDone = await withProgress({ t, title: t('files.delete.title'), total, work, stopped, announce });
  if (isDone) announce(t('files.delete.done', { count: objects.filter(isFile).length }));
  return isDone ? 'done' : 'partly';
}

/** Asks, and counts meanwhile what is inside. @returns {Promise<object[] | null>} what to delete */
async function confirmed({ store, t }, entries) {
  const counting = new AbortController();
  const hasFolder = entries.some((entry) => entry.isFolder);
  const title = entries.length === 1
    ? t('files.delete.one', { name: entries[0].name })
    : t('files.delete.many', { count: entries.length });
  const inside = h('p', { class: 'files-inside', id: 'files-inside', 'aria-live': 'polite' }, hasFolder ? t('files.counting') : '');
  const body = [inside, h('p', {}, t('files.delete.forever'))];
  let objects = null;
  let agreed = false;
  const submit = async () => {
    agreed = true;
  };
  const form = openForm({ t, title, body, action: t('files.delete'), isDanger: true, submit });
  form.button.disabled = true;
  form.element.setAttribute('aria-describedby', inside.id);
  const say = (count, size) => {
    inside.textContent = t(hasFolder ? 'files.delete.inside' : 'files.delete.size', { count, size: sizeInWords(size) });
  };
  objectsOf(store, entries, { signal: counting.signal, onCount: say }).then((all) => {
    objects = all;
    form.button.disabled = false;
  }, (error) => {
    inside.textContent = explain(error, t);
  });
  await form.closed;
  counting.abort();
  return agreed ? objects : null;
}
