import { h } from '../dom.js';
import { chosenFiles } from './bars.js';

/**
 * Takes files that are dropped anywhere on the view.
 * @param {HTMLElement} element
 * @param {import('./view.js').Context} context
 * @param {(chosen: Promise<import('./bars.js').Chosen[]>) => void} take called at once: what is shown may change
 *   before all is read
 */
export function dropZone(element, { canWrite, t, announce }, take) {
  const words = h('div', { class: 'files-drop', hidden: true }, h('p', {}, t(canWrite ? 'files.drop' : 'files.drop.readOnly')));
  element.append(words);
  // `dragleave` also comes for every child.
  let depth = 0;
  const show = (change) => {
    depth = Math.max(0, depth + change);
    words.hidden = depth === 0;
  };
  const hasFiles = (event) => event.dataTransfer?.types.includes('Files');
  element.addEventListener('dragenter', (event) => hasFiles(event) && show(1));
  element.addEventListener('dragleave', (event) => hasFiles(event) && show(-1));
  element.addEventListener('dragover', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = canWrite ? 'copy' : 'none';
  });
  element.addEventListener('drop', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    words.hidden = true;
    if (canWrite) take(readable(droppedFiles(event.dataTransfer)));
    else announce(t('files.drop.readOnly'), 'problem');
  });
  const readable = async (dropped) => {
    const { chosen, unreadable } = await dropped;
    if (unreadable > 0) announce(t('files.drop.unreadable', { count: unreadable }), 'problem');
    return chosen;
  };
}

/**
 * The files of a drop, those in dropped folders included. Call it while the event is handled: the
 * browser forgets the items after.
 * @param {DataTransfer} transfer
 * @returns {Promise<{chosen: import('./bars.js').Chosen[], unreadable: number}>} what the browser could not read is only counted
 */
async function droppedFiles(transfer) {
  const items = [...transfer.items].filter((item) => item.kind === 'file');
  const entries = items.map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (entries.length === 0) return { chosen: chosenFiles(transfer.files), unreadable: 0 };
  const found = { chosen: [], unreadable: 0 };
  for (const entry of entries) await collect(entry, '', found);
  return found;
}

async function collect(entry, folder, found) {
  const path = folder + entry.name;
  try {
    if (entry.isFile) found.chosen.push({ file: await new Promise((resolve, reject) => entry.file(resolve, reject)), path });
    else for (const child of await children(entry.createReader())) await collect(child, `${path}/`, found);
  } catch {
    found.unreadable += 1;
  }
}

/** A reader gives a hundred entries at a time, and none at the end. */
async function children(reader) {
  const all = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return all;
    all.push(...some);
  }
}
