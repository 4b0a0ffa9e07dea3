import { encodeKey } from '../store/address.js';
import { StoreError } from '../store/error.js';
import { inParallel } from '../store/parallel.js';

const COPIES_AT_ONCE = 4;

/**
 * The objects behind entries: the files, and all that is inside the folders. A count is of files, without the markers of folders.
 * @param {import('../store/s3.js').Store} store
 * @param {import('./entry.js').Entry[]} entries
 * @param {{signal?: AbortSignal, onCount?: (count: number, size: number) => void}} [options]
 * @returns {Promise<import('../store/answer.js').ObjectEntry[]>}
 */
export async function objectsOf(store, entries, { signal, onCount } = {}) {
  const objects = entries.filter((entry) => !entry.isFolder);
  let size = objects.reduce((sum, object) => sum + object.size, 0);
  let count = objects.length;
  for (const folder of entries.filter((entry) => entry.isFolder)) {
    for await (const object of store.listAll(folder.path, { signal })) {
      objects.push(object);
      size += object.size;
      count += Number(isFile(object));
      if (objects.length % 1000 === 0) onCount?.(count, size);
    }
  }
  onCount?.(count, size);
  return objects;
}

/** @param {{path: string}} object @returns {boolean} false for the empty object that marks a folder */
export function isFile({ path }) {
  return !path.endsWith('/');
}

/**
 * Copies all the objects first and deletes the originals after, so that nothing is missing wherever it
 * stops. An original that somebody has changed meanwhile stays: each is looked at again before its turn to be
 * deleted, those of a folder a thousand at a time.
 * @param {import('../store/s3.js').Store} store
 * @param {{entries: import('./entry.js').Entry[], objects: import('../store/answer.js').ObjectEntry[]}} what the
 *   entries, and the objects behind them
 * @param {(path: string) => string} target where an object goes
 * @param {{signal: AbortSignal, onStep: (done: {copied: number, deleted: number}) => void}} options
 * @returns {Promise<number>} how many originals stay
 */
export async function move(store, { entries, objects }, target, { signal, onStep }) {
  const done = { copied: 0, deleted: 0 };
  const copied = new Map();
  for (const { path } of objects) checkTarget(path, target(path));
  await inParallel(objects, COPIES_AT_ONCE, async (object) => {
    if (await copyUnchanged(store, object, target(object.path), signal)) copied.set(object.path, object);
    done.copied += 1;
    onStep(done);
  });
  await store.deleteAll(unchanged(store, entries, copied, signal), {
    signal,
    onEach: () => {
      done.deleted += 1;
      onStep(done);
    },
  });
  return objects.length - done.deleted;
}

/** The paths of what was copied and is as it was then, as far as the entries hold it now. */
async function* unchanged(store, entries, copied, signal) {
  const isSame = (now) => {
    const then = now && copied.get(now.path);
    return Boolean(then) && now.size === then.size && now.etag === then.etag;
  };
  for (const entry of entries) {
    const found = entry.isFolder ? store.listAll(entry.path, { signal }) : [await store.find(entry.path, { signal })];
    for await (const now of found) if (isSame(now)) yield now.path;
  }
}

/** @returns {Promise<boolean>} false if it is not the object that was listed any more */
async function copyUnchanged(store, object, target, signal) {
  try {
    await store.copy(object, target, { signal });
    return true;
  } catch (error) {
    if (error.status === 412) return false;
    throw error;
  }
}

/**
 * The objects behind entries as they are now, by path: what a folder shows may be old.
 * @param {import('../store/s3.js').Store} store
 * @param {import('./entry.js').Entry[]} entries
 * @param {AbortSignal} signal
 * @returns {Promise<Map<string, import('../store/answer.js').ObjectEntry>>}
 */
export async function current(store, entries, signal) {
  const found = new Map();
  const keep = (object) => object && found.set(object.path, object);
  await inParallel(entries, COPIES_AT_ONCE, async (entry) => {
    if (entry.isFolder) for await (const object of store.listAll(entry.path, { signal })) keep(object);
    else keep(await store.find(entry.path, { signal }));
  });
  return found;
}

/** An object that is copied onto itself would be deleted after. */
function checkTarget(path, target) {
  encodeKey(target);
  if (target === path) throw new StoreError({ kind: 'other', code: 'SamePath' });
}

/**
 * Which of these paths exist. A path that ends in `/` exists if anything is inside.
 * @param {import('../store/s3.js').Store} store
 * @param {string[]} paths
 * @returns {Promise<string[]>}
 */
export async function existing(store, paths) {
  const found = [];
  await inParallel(paths, COPIES_AT_ONCE, async (path) => {
    const isThere = path.endsWith('/') ? await hasAny(store, path) : await store.exists(path);
    if (isThere) found.push(path);
  });
  return found;
}

/**
 * Which of the files to upload would overwrite one. Asks file by file for a few, and lists the folder
 * for many.
 * @param {import('../store/s3.js').Store} store
 * @param {string} folder
 * @param {string[]} paths below it
 * @returns {Promise<Set<string>>}
 */
export async function overwritten(store, folder, paths) {
  if (paths.length <= 8) return new Set(await existing(store, paths));
  const wanted = new Set(paths);
  const found = new Set();
  for (const top of topFolders(folder, paths)) {
    for await (const { path } of store.listAll(top)) if (wanted.has(path)) found.add(path);
  }
  const here = paths.filter((path) => !path.slice(folder.length).includes('/'));
  if (here.length > 0) await collectHere(store, folder, new Set(here), found);
  return found;
}

function topFolders(folder, paths) {
  const rests = paths.map((path) => path.slice(folder.length)).filter((rest) => rest.includes('/'));
  return new Set(rests.map((rest) => folder + rest.slice(0, rest.indexOf('/') + 1)));
}

async function collectHere(store, folder, wanted, found) {
  let after = null;
  do {
    const page = await store.list(folder, { after });
    for (const { path } of page.objects) if (wanted.has(path)) found.add(path);
    after = page.next;
  } while (after);
}

async function hasAny(store, path) {
  const page = await store.list(path, { delimiter: '', limit: 1 });
  return page.objects.length > 0;
}
