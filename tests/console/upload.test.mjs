import assert from 'node:assert/strict';
import { test } from 'node:test';

const source = '../../src/http/pages/console';
const { StoreError } = await import(`${source}/store/error.js`);
const { Slots } = await import(`${source}/store/parallel.js`);
const { Upload } = await import(`${source}/files/upload.js`);

const browser = new EventTarget();
globalThis.addEventListener = browser.addEventListener.bind(browser);
/** The browser says that the network is back as soon as somebody waits for it. */
const comeBack = (upload) => () => {
  if (upload.state === 'lost') setImmediate(() => browser.dispatchEvent(new Event('online')));
};

const SIZE = 20 * 1024 ** 2;
const file = new File([new Uint8Array(SIZE)], 'big.bin');
const lost = () => new StoreError({ kind: 'cors-or-network' });
const gone = () => new StoreError({ kind: 'missing', code: 'NoSuchUpload', status: 404 });

/** A store with three parts to a file; `fails` has the errors of each call, `found` what is there at each look, in order. */
function fakeStore({ fails = {}, found = [], mayAbort = true } = {}) {
  const calls = [];
  const call = (name, answer) => async (...given) => {
    calls.push(name === 'putPart' ? `part ${given[1]}` : name);
    const error = fails[name]?.shift();
    if (error) throw error;
    return answer(...given);
  };
  return {
    calls,
    hasAnswered: true,
    createUpload: call('createUpload', async () => 'id'),
    putPart: call('putPart', async (_, number) => `"${number}"`),
    completeUpload: call('completeUpload', async () => {}),
    abortUpload: call('abortUpload', async () => mayAbort),
    put: call('put', async () => {}),
    find: async () => found.shift() ?? null,
  };
}

async function run(store, upload = new Upload(file, 'big.bin')) {
  await upload.run(store, new Slots(1), comeBack(upload));
  return upload;
}

test('parts that have arrived are not sent again after the network was lost', async () => {
  const store = fakeStore({ fails: { putPart: [null, lost()] } });
  const upload = await run(store);
  assert.equal(upload.state, 'done');
  assert.deepEqual(store.calls, ['createUpload', 'part 1', 'part 2', 'part 3', 'part 2', 'completeUpload']);
});

test('an upload whose last answer was lost is done', async () => {
  const found = [{ size: SIZE, etag: '"old"' }, { size: SIZE, etag: '"new"' }];
  const store = fakeStore({ fails: { completeUpload: [lost(), gone()] }, found });
  const upload = await run(store);
  assert.equal(upload.state, 'done');
  assert.equal(store.calls.filter((call) => call === 'createUpload').length, 1);
});

test('an older object of the same size is not taken for the upload', async () => {
  const found = [{ size: SIZE, etag: '"old"' }, { size: SIZE, etag: '"old"' }];
  const store = fakeStore({ fails: { completeUpload: [gone()] }, found });
  assert.equal((await run(store)).state, 'done');
  assert.equal(store.calls.filter((call) => call === 'createUpload').length, 2);
});

test('an upload that the store forgets twice has failed', async () => {
  const store = fakeStore({ fails: { completeUpload: [gone(), gone()] } });
  assert.equal((await run(store)).state, 'failed');
});

test('what the store refuses has failed at once', async () => {
  const store = fakeStore({ fails: { createUpload: [new StoreError({ kind: 'denied', status: 403 })] } });
  const upload = await run(store);
  assert.equal(upload.state, 'failed');
  assert.equal(upload.error.kind, 'denied');
});

test('without any answer before, a missing one has failed: it may be CORS', async () => {
  const store = { ...fakeStore({ fails: { createUpload: [lost()] } }), hasAnswered: false };
  assert.equal((await run(store)).state, 'failed');
});

test('a file that cannot be read any more has failed', async () => {
  const upload = new Upload({ size: 3, type: '', slice: () => ({ arrayBuffer: () => Promise.reject(new Error('gone')) }) }, 'a');
  await run(fakeStore({ fails: { put: [lost()] } }), upload);
  assert.equal(upload.error.code, 'FileChanged');
});

test('a cancelled upload frees its parts', async () => {
  const store = fakeStore();
  const upload = new Upload(file, 'big.bin');
  store.putPart = async () => {
    upload.cancel();
    throw lost();
  };
  await run(store, upload);
  assert.equal(upload.state, 'cancelled');
  assert.deepEqual(store.calls, ['createUpload', 'abortUpload']);
});

test('a file of up to 16 MiB is sent whole', async () => {
  const store = fakeStore();
  const upload = await run(store, new Upload(new File(['small'], 'a'), 'a'));
  assert.deepEqual(store.calls, ['put']);
  assert.equal(upload.sent, 5);
});

test('two files of one name that are dropped together are both kept', async () => {
  const { withoutTwins } = await import(`${source}/files/start_upload.js`);
  const names = ['a.txt', 'a.txt', 'd/a.txt', 'a (2).txt', 'a.txt'];
  const paths = withoutTwins(names.map((path) => ({ file: null, path }))).map(({ path }) => path);
  assert.deepEqual(paths, ['a.txt', 'a (3).txt', 'd/a.txt', 'a (2).txt', 'a (4).txt']);
});

test('hiding what has failed frees its parts, and says where they stay', async () => {
  const { UploadQueue } = await import(`${source}/files/upload_queue.js`);
  for (const mayAbort of [true, false]) {
    const store = fakeStore({ fails: { putPart: [new StoreError({ kind: 'denied', status: 403 })] }, mayAbort });
    const queue = new UploadQueue(store);
    let left = 0;
    queue.addEventListener('left-parts', ({ detail }) => (left += detail));
    queue.add([{ file, path: 'big.bin' }]);
    while (queue.isBusy) await new Promise(setImmediate);
    assert.ok(!store.calls.includes('abortUpload'), 'it can be tried again');
    await queue.clear();
    assert.equal(store.calls.at(-1), 'abortUpload');
    assert.equal(left, mayAbort ? 0 : 1);
  }
});

test('the parts of a cancelled upload that stay are told', async () => {
  const { UploadQueue } = await import(`${source}/files/upload_queue.js`);
  const store = fakeStore({ mayAbort: false });
  const queue = new UploadQueue(store);
  const told = new Promise((resolve) => queue.addEventListener('left-parts', resolve, { once: true }));
  store.putPart = async () => {
    queue.cancel();
    throw lost();
  };
  queue.add([{ file, path: 'big.bin' }]);
  assert.equal((await told).detail, 1);
});

test('an upload waits for the next sign-in, unless it came already', async () => {
  const signedOut = () => new StoreError({ kind: 'signed-out' });
  const store = { ...fakeStore({ fails: { putPart: [signedOut(), null, null, signedOut()] } }), renewals: 0, waited: 0 };
  store.untilRenewed = async () => {
    store.waited += 1;
  };
  const { putPart } = store;
  store.putPart = (...given) => {
    store.renewals += Number(store.calls.length === 1);
    return putPart(...given);
  };
  const upload = await run(store);
  assert.equal(upload.state, 'done');
  assert.equal(store.waited, 1);
});
