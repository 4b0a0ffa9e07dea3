import assert from 'node:assert/strict';
import { test } from 'node:test';

const source = '../../src/http/pages/console';
const { current, move } = await import(`${source}/files/bulk.js`);
const { StoreError } = await import(`${source}/store/error.js`);

const signal = new AbortController().signal;
const folder = { isFolder: true, path: 'f/' };
const object = (path, etag = '"1"') => ({ path, size: 1, etag });

/** A store with these objects, which notes what it is asked to change; `copied` and `deleted` come with each change. */
function storeOf(objects, copied = () => {}, deleted = () => {}) {
  const now = new Map(objects.map((one) => [one.path, one]));
  const calls = [];
  return {
    now,
    calls,
    copy: async (from, to) => {
      copied(from, now);
      calls.push(`copy ${from.path} ${to}`);
    },
    // In pages of one.
    listAll: async function* listAll(path) {
      for (const one of [...now.keys()]) if (one.startsWith(path)) yield now.get(one);
    },
    find: async (path) => now.get(path) ?? null,
    deleteAll: async (paths, { onEach }) => {
      for await (const path of paths) {
        calls.push(`delete ${path}`);
        deleted(path, now);
        onEach(path);
      }
    },
  };
}

async function moved(store, entries, target = (path) => `new/${path}`) {
  const objects = [...(await current(store, entries, signal)).values()];
  return move(store, { entries, objects }, target, { signal, onStep: () => {} });
}

test('originals are deleted after all the copies', async () => {
  const store = storeOf([object('f/a'), object('f/b')]);
  assert.equal(await moved(store, [folder]), 0);
  assert.deepEqual(store.calls, ['copy f/a new/f/a', 'copy f/b new/f/b', 'delete f/a', 'delete f/b']);
});

test('nothing is moved onto itself', async () => {
  const store = storeOf([object('f/a')]);
  await assert.rejects(moved(store, [folder], (path) => path), { code: 'SamePath' });
  assert.deepEqual(store.calls, []);
});

test('an original that is written again after its copy stays', async () => {
  const write = (from, now) => from.path === 'f/a' && now.set('f/a', object('f/a', '"2"'));
  const store = storeOf([object('f/a'), object('f/b')], write);
  assert.equal(await moved(store, [folder]), 1);
  assert.deepEqual(store.calls.filter((call) => call.startsWith('delete')), ['delete f/b']);
});

test('an original that is written again before its copy stays', async () => {
  const refuse = (from) => {
    if (from.path === 'f/a') throw new StoreError({ kind: 'other', code: 'PreconditionFailed', status: 412 });
  };
  const store = storeOf([object('f/a'), object('f/b')], refuse);
  assert.equal(await moved(store, [folder]), 1);
  assert.deepEqual(store.calls.filter((call) => call.startsWith('delete')), ['delete f/b']);
});

test('what comes into a folder while it is moved stays there', async () => {
  const store = storeOf([object('f/a')], (_, now) => now.set('f/new', object('f/new')));
  assert.equal(await moved(store, [folder]), 0);
  assert.deepEqual(store.calls.filter((call) => call.startsWith('delete')), ['delete f/a']);
});

test('an original that is written again while others are deleted stays', async () => {
  const write = (path, now) => path === 'f/a' && now.set('f/b', object('f/b', '"2"'));
  const store = storeOf([object('f/a'), object('f/b'), object('c')], undefined, write);
  assert.equal(await moved(store, [folder, { isFolder: false, path: 'c' }]), 1);
  assert.deepEqual(store.calls.filter((call) => call.startsWith('delete')), ['delete f/a', 'delete c']);
});
