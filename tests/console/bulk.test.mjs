import assert from 'node:assert/strict';
import { test } from 'node:test';

const source = '../../src/http/pages/console';
const { move } = await import(`${source}/files/bulk.js`);

/** A store that notes what it is asked to change. */
function storeOf() {
  const calls = [];
  return {
    calls,
    copy: async (from, to) => calls.push(`copy ${from.path} ${to}`),
    deleteAll: async (paths) => calls.push(...[...paths].map((path) => `delete ${path}`)),
  };
}

const options = { signal: new AbortController().signal, onStep: () => {} };

test('nothing is moved onto itself', async () => {
  const store = storeOf();
  await assert.rejects(move(store, [{ path: 'a', size: 1 }], (path) => path, options), { code: 'SamePath' });
  assert.deepEqual(store.calls, []);
});
