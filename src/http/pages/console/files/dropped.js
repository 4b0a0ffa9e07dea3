/** @typedef {{file: File, path: string}} Chosen `path` is relative to the folder that is shown */

/**
 * The files of a drop, those in dropped folders included. Call it while the event is handled: the
 * browser forgets the items after.
 * @param {DataTransfer} transfer
 * @returns {Promise<{chosen: Chosen[], unreadable: number}>} what the browser could not read is only counted
 */
export async function droppedFiles(transfer) {
  const items = [...transfer.items].filter((item) => item.kind === 'file');
  const entries = items.map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (entries.length === 0) return { chosen: chosenFiles(transfer.files), unreadable: 0 };
  const found = { chosen: [], unreadable: 0 };
  for (const entry of entries) await collect(entry, '', found);
  return found;
}

/**
 * The files of an `<input type=file>`, of a folder too.
 * @param {FileList} files
 * @returns {Chosen[]}
 */
export function chosenFiles(files) {
  return [...files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
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
