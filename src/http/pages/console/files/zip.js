import { h } from '../dom.js';
import { asStoreError } from '../store/transport.js';
import { downloadZip as zipped } from '../vendor/client-zip.js';
import { objectsOf } from './bulk.js';
import { ask } from './dialog.js';
import { nameOf } from './entry.js';
import { size as sizeInWords } from './format.js';
import { withProgress } from './progress_dialog.js';
import { zipNames } from './zip_names.js';

/** The most that is zipped in memory, where the browser cannot write to a file as it comes. */
const IN_MEMORY = 500_000_000;

/**
 * Downloads many files as one zip that is made here, without compression.
 * @param {import('./view.js').Context} context
 * @param {import('./entry.js').Entry[]} entries
 * @param {string} folder what the names in the zip are relative to
 */
export async function downloadZip({ store, t, announce }, entries, folder) {
  const name = `${nameOf(entries.length === 1 ? entries[0].path : folder) || t('files.zip.name')}.zip`;
  // Asked first: the browser wants a click just before.
  const target = await chooseTarget(name);
  if (target === 'cancelled') return;
  let written = 0;
  let size = 0;
  let leftOut = 0;
  const work = async (step, signal) => {
    step(0, t('files.counting'));
    const found = zipNames(await objectsOf(store, entries, { signal }), folder);
    leftOut = found.leftOut;
    size = found.members.reduce((sum, { object }) => sum + object.size, 0);
    if (!target && size > IN_MEMORY) throw new TooBig();
    const onBytes = (bytes) => {
      written += bytes;
      step(size ? written / size : 1, t('files.zip.step', { done: sizeInWords(written), total: sizeInWords(size) }));
    };
    const zip = zipped(contents(store, found.members, signal, onBytes));
    if (target) await zip.body.pipeTo(await target.createWritable(), { signal });
    else save(await zip.blob(), name);
  };
  let tooBig = false;
  const guarded = (step, signal) => work(step, signal).catch((error) => {
    // A TypeError is the network's, in the middle of a file; the rest is the disk's.
    if (!(error instanceof TooBig)) throw signal.aborted || error instanceof TypeError ? asStoreError(error, signal) : error;
    tooBig = true;
  });
  const title = t('files.zip.title', { name });
  const stopped = () => t('files.zip.stopped', { done: sizeInWords(written), total: sizeInWords(size) });
  const isDone = await withProgress({ t, title, total: 1, work: guarded, stopped, announce });
  if (tooBig) await sayTooBig(t, size);
  else if (isDone && leftOut > 0) announce(`${t('files.zip.done', { name })} ${t('files.zip.leftOut', { count: leftOut })}`, 'problem');
  else if (isDone) announce(t('files.zip.done', { name }));
}

class TooBig extends Error {}

/** @returns {Promise<FileSystemFileHandle | 'cancelled' | null>} null where browsers cannot write files */
async function chooseTarget(name) {
  if (!window.showSaveFilePicker) return null;
  try {
    return await window.showSaveFilePicker({ suggestedName: name });
  } catch (error) {
    return error.name === 'AbortError' ? 'cancelled' : null;
  }
}

/** The files one after the other, each asked for when the one before is written. */
async function* contents(store, members, signal, onBytes) {
  for (const { name, object } of members) {
    if (name.endsWith('/')) {
      yield { name, lastModified: object.modified };
      continue;
    }
    const { body } = await store.get(object.path, { signal });
    const counter = new TransformStream({
      transform(chunk, controller) {
        onBytes(chunk.byteLength);
        controller.enqueue(chunk);
      },
    });
    yield { name, lastModified: object.modified, size: object.size, input: (body ?? new Blob().stream()).pipeThrough(counter) };
  }
}

function save(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = h('a', { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

function sayTooBig(t, size) {
  const values = { size: sizeInWords(size), limit: sizeInWords(IN_MEMORY) };
  return ask({ t, title: t('files.zip.tooBig.title'), body: [h('p', {}, t('files.zip.tooBig', values))], choices: [] });
}
