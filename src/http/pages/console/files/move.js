import { current, existing, isFile, move } from './bulk.js';
import { explain } from './explain.js';
import { number } from './format.js';
import { pickFolder } from './pick_folder.js';
import { withProgress } from './progress_dialog.js';

/**
 * Asks for a folder and moves the entries there.
 * @param {import('./view.js').Context} context
 * @param {import('./entry.js').Entry[]} entries of one folder
 * @param {string} folder where they are
 * @returns {Promise<import('./view.js').Outcome>}
 */
export async function moveTo(context, entries, folder) {
  const { store, t } = context;
  const target = (entry, to) => `${to}${entry.name}${entry.isFolder ? '/' : ''}`;
  const check = async (to) => {
    if (to === folder) return t('files.move.same');
    if (entries.some((entry) => entry.isFolder && to.startsWith(entry.path))) return t('files.move.inside');
    try {
      const taken = await existing(store, entries.map((entry) => target(entry, to)));
      return taken.length > 0 ? t('files.move.taken', { name: taken[0].slice(to.length) }) : null;
    } catch (error) {
      return explain(error, t);
    }
  };
  const to = await pickFolder(context, { start: folder, check, count: entries.length });
  return to === null ? 'nothing' : moveEntries(context, entries, (entry) => target(entry, to));
}

/**
 * Moves entries to new paths, with all that is inside.
 * @param {import('./view.js').Context} context
 * @param {import('./entry.js').Entry[]} entries
 * @param {(entry: import('./entry.js').Entry) => string} targetOf
 * @returns {Promise<import('./view.js').Outcome>}
 */
export async function moveEntries({ store, t, announce }, entries, targetOf) {
  let total = 0;
  let files = 0;
  let now = { copied: 0, deleted: 0 };
  let changed = 0;
  const work = async (step, signal) => {
    step(0, t('files.counting'));
    const objects = [...(await current(store, entries, signal)).values()];
    total = objects.length;
    files = objects.filter(isFile).length;
    const target = targets(entries, targetOf);
    const onStep = (done) => {
      now = done;
      step((done.copied + done.deleted) / (2 * total), t('files.move.step', { done: number(done.copied), total: number(total) }));
    };
    changed = await move(store, { entries, objects }, target, { signal, onStep });
  };
  const stopped = () => (now.copied < total || total === 0
    ? t('files.move.halfCopied', { done: number(now.copied), total: number(total) })
    : t('files.move.halfDeleted', { done: number(now.deleted), total: number(total) }));
  const isDone = await withProgress({ t, title: t('files.move.title'), total: 1, work, stopped, announce });
  if (!isDone) return 'partly';
  const words = t('files.move.done', { count: files - changed });
  if (changed === 0) announce(words);
  else announce(`${words} ${t('files.move.changed', { count: changed })}`, 'problem');
  return changed === 0 ? 'done' : 'partly';
}

/** Where an object goes: the longest entry that it belongs to says it. */
function targets(entries, targetOf) {
  const folders = entries.filter((entry) => entry.isFolder);
  const files = new Map(entries.filter((entry) => !entry.isFolder).map((entry) => [entry.path, targetOf(entry)]));
  return (path) => {
    const folder = folders.find((entry) => path.startsWith(entry.path));
    return files.get(path) ?? targetOf(folder) + path.slice(folder.path.length);
  };
}
