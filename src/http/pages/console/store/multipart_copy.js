import { StoreError } from './error.js';
import { inParallel } from './parallel.js';

const PARTS_AT_ONCE = 4;

/**
 * Copies an object that is too big for one CopyObject. Nothing passes through this machine.
 *
 * @param {import('./s3.js').Store} store
 * @param {import('./answer.js').ObjectEntry} from
 * @param {string} to
 * @param {{partSize: number, signal?: AbortSignal}} options
 */
export async function copyInParts(store, from, to, { partSize, signal }) {
  const { size, headers } = await store.head(from.path, { signal });
  if (size !== from.size) throw new StoreError({ kind: 'other', code: 'PreconditionFailed', status: 412 });
  const upload = { path: to, id: await store.createUpload(to, { headers, signal }) };
  const etags = Array(Math.ceil(from.size / partSize));
  try {
    await inParallel(etags.keys(), PARTS_AT_ONCE, async (index) => {
      const first = index * partSize;
      const last = Math.min(first + partSize, from.size) - 1;
      etags[index] = await store.copyPart(upload, index + 1, { from, first, last }, { signal });
    });
    await store.completeUpload(upload, etags, { signal });
  } catch (error) {
    await store.abortUpload(upload);
    throw error;
  }
}
