/** @typedef {{file: File, path: string}} Chosen `path` is relative to the folder that is shown */

/**
 * The files of a drop, those in dropped folders included. Call it while the event is handled: the
 * browser forgets the items after.
 * @param {DataTransfer} transfer
 * @returns {Promise<Chosen[]>}
 */
export async function droppedFiles(transfer) {
  const items = [...transfer.items].filter((item) => item.kind === 'file');
  const entries = items.map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (entries.length === 0) return chosenFiles(transfer.files);
  const chosen = [];
  for (const entry of entries) await collect(entry, '', chosen);
  return chosen;
}

/**
 * The files of an `<input type=file>`, of a folder too.
 * @param {FileList} files
 * @returns {Chosen[]}
 */
export function chosenFiles(files) {
  return [...files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
}

async function collect(entry, folder, chosen) {
  const path = folder + entry.name;
  if (entry.isFile) {
    chosen.push({ file: await new Promise((resolve, reject) => entry.file(resolve, reject)), path });
    return;
  }
  for (const child of await children(entry.createReader())) await collect(child, `${path}/`, chosen);
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
