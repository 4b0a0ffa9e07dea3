import { encodeKey } from '../store/address.js';
import { uniqueNames } from './name.js';

/** What an unpacker on Windows takes for a folder, a drive or a stream; and control characters. */
const UNSAFE = /[\\:\u0000-\u001f\u007f]/g;

/**
 * The objects that go into a zip, each with a name of its own that stays inside the folder where it is unpacked.
 * @param {import('../store/answer.js').ObjectEntry[]} objects
 * @param {string} folder what the names are relative to
 * @returns {{members: {name: string, object: import('../store/answer.js').ObjectEntry}[], leftOut: number}} names of folders
 *   end in `/`; objects are left out that no browser can ask for
 */
export function zipNames(objects, folder) {
  const reachable = objects.filter(isReachable);
  const named = reachable.map((object) => ({ object, ...safeName(object, folder) })).filter(({ name }) => name !== '');
  const files = named.filter(({ isFolder }) => !isFolder);
  const folders = new Set(named.flatMap(({ name, isFolder }) => foldersOf(isFolder ? `${name}/` : name)));
  const unique = uniqueNames(files.map(({ name }) => name), folders, folded);
  const members = [
    ...files.map(({ name, object }) => ({ name: unique(name), object })),
    ...named.filter(({ isFolder }) => isFolder).map(({ name, object }) => ({ name: `${name}/`, object })),
  ];
  return { members, leftOut: objects.length - reachable.length };
}

/** Unpackers take `a//b` and `/a/b` for `a/b`. */
function safeName({ path, size }, folder) {
  const segments = path.slice(folder.length).split('/').map((segment) => segment.replace(UNSAFE, '_')).filter(Boolean);
  const isFolder = path.endsWith('/') && size === 0;
  return { name: segments.join('/') || (isFolder ? '' : '_'), isFolder };
}

/** Windows and macOS take `A` and `a` for one name, and the two forms of `é`. */
function folded(name) {
  return name.normalize('NFC').toLowerCase();
}

function foldersOf(name) {
  const segments = name.split('/').slice(0, -1);
  return segments.map((_, index) => segments.slice(0, index + 1).join('/'));
}

/** Names with `.` or `..` in them are such that no unpacker should meet them either. */
function isReachable({ path }) {
  try {
    return encodeKey(path) !== '';
  } catch {
    return false;
  }
}
