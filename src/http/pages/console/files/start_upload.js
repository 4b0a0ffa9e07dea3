import { h } from '../dom.js';
import { overwritten } from './bulk.js';
import { ask } from './dialog.js';
import { explain } from './explain.js';
import { uniqueNames } from './name.js';

/** How many names the question shows. */
const NAMES = 5;

/**
 * Puts files into the queue; asks first if some of them would overwrite one, be it stored or on its way.
 * @param {import('./view.js').Context} context
 * @param {string} folder
 * @param {import('./bars.js').Chosen[]} chosen
 */
export async function startUpload({ store, queue, t, announce }, folder, chosen) {
  const files = withoutTwins(chosen).map(({ file, path }) => ({ file, path: folder + path }));
  if (files.length === 0) return;
  const underWay = queue.underWay(files.map(({ path }) => path));
  const taken = new Set(underWay.map(({ path }) => path));
  try {
    for (const path of await overwritten(store, folder, files.map((file) => file.path))) taken.add(path);
  } catch (error) {
    announce(explain(error, t), 'problem');
    return;
  }
  const answer = taken.size > 0 ? await askToReplace([...taken], folder, files.length, t) : 'replace';
  if (!answer) return;
  if (answer === 'replace') queue.cancel(underWay);
  queue.add(answer === 'skip' ? files.filter(({ path }) => !taken.has(path)) : files);
}

/**
 * The same files, each at a path of its own: files that are dropped from several folders can have the same name.
 * @param {import('./bars.js').Chosen[]} chosen
 * @returns {import('./bars.js').Chosen[]}
 */
export function withoutTwins(chosen) {
  const name = uniqueNames(chosen.map(({ path }) => path));
  return chosen.map(({ file, path }) => ({ file, path: name(path) }));
}

function askToReplace(taken, folder, count, t) {
  const names = taken.slice(0, NAMES).map((path) => h('li', {}, path.slice(folder.length)));
  const more = taken.length > NAMES ? [h('li', {}, t('files.replace.more', { count: taken.length - NAMES }))] : [];
  const replace = { value: 'replace', label: t('files.replace'), className: 'danger' };
  const skip = { value: 'skip', label: t('files.replace.skip') };
  return ask({
    t,
    title: t('files.replace.title', { count: taken.length }),
    body: [h('ul', {}, ...names, ...more), h('p', {}, t('files.replace.what'))],
    choices: count > taken.length ? [skip, replace] : [replace],
  });
}
