import assert from 'node:assert/strict';
import { test } from 'node:test';

const source = '../../src/http/pages/console';
const { bucketUrl, encodeKey } = await import(`${source}/store/address.js`);
const { readPage } = await import(`${source}/store/answer.js`);
const { Store } = await import(`${source}/store/s3.js`);
const { errorCode, parse, textOf } = await import(`${source}/store/answer.js`);
const { inParallel, Slots } = await import(`${source}/store/parallel.js`);

const page = (contents, more = '') => `<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>${more}${contents}</ListBucketResult>`;
const item = (key) => `<Contents><Key>${key}</Key><LastModified>2026-11-26T19:41:00.000Z</LastModified>
  <ETag>&quot;9d&quot;</ETag><Size>12</Size></Contents>`;

test('a listing is read with its prefix taken off', () => {
  const found = readPage(page(item('team/a%2Bb%20c+d') + '<CommonPrefixes><Prefix>team/x%2F</Prefix></CommonPrefixes>',
    '<Prefix>team/</Prefix><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>'), 'team/');
  assert.deepEqual(found.objects.map(({ path, size, etag }) => [path, size, etag]), [['a+b c d', 12, '"9d"']]);
  assert.deepEqual(found.folders, ['x/']);
  assert.equal(found.next, 't');
});

test('keys are not decoded where the store did not encode them', () => {
  assert.equal(readPage(page(item('100%25 &lt;b&gt;')), '').objects[0].path, '100%25 <b>');
});

test('entities are decoded once', () => {
  assert.equal(textOf(parse('<a><b>&amp;lt; &#65;&#x42; &unknown;</b></a>'), 'b'), '&lt; AB &unknown;');
});

test('an error code is found, and a page of a proxy has none', () => {
  assert.equal(errorCode('<Error><Code>ExpiredToken</Code></Error>'), 'ExpiredToken');
  assert.equal(errorCode('<html><title>502</title></html>'), '');
});

test('names that browsers drop from a URL are refused', () => {
  for (const key of ['..', 'a/../b', './a', '\ud800']) assert.throws(() => encodeKey(key), { kind: 'name' }, key);
  assert.equal(encodeKey("a+b c/(1)'*!ü"), 'a%2Bb%20c/%281%29%27%2A%21%C3%BC');
});

test('a bucket is in the path or in the host, as the gateway says', () => {
  const at = (endpoint, pathStyle) => bucketUrl({ endpoint, region: 'eu-west-1', bucket: 'b1', pathStyle });
  assert.equal(at('http://127.0.0.1:9000', true), 'http://127.0.0.1:9000/b1');
  assert.equal(at('https://s3.example/store/', true), 'https://s3.example/store/b1');
  assert.equal(at('https://s3.example:8443', false), 'https://b1.s3.example:8443');
  assert.equal(at('', false), 'https://b1.s3.eu-west-1.amazonaws.com');
  assert.equal(at('', true), 'https://s3.eu-west-1.amazonaws.com/b1');
  assert.equal(at('https://b1.s3.example', false), 'https://b1.s3.example');
});

test('after a failure nothing more is begun', async () => {
  const begun = [];
  const work = async (number) => {
    begun.push(number);
    if (number === 2) throw new Error('two');
  };
  await assert.rejects(inParallel([1, 2, 3, 4, 5, 6], 1, work), /two/);
  assert.deepEqual(begun, [1, 2]);
});

test('slots let no more run at once than there are', async () => {
  const slots = new Slots(2);
  let [now, most] = [0, 0];
  const work = async () => {
    now += 1;
    most = Math.max(most, now);
    await new Promise(setImmediate);
    now -= 1;
  };
  await Promise.all(Array.from({ length: 9 }, () => slots.run(work)));
  assert.equal(most, 2);
});

/** A session and a store that answers from a list; limits may come first. */
function storeThat(...answers) {
  const limits = answers[0]?.copyLimit ? answers.shift() : {};
  const asked = [];
  const session = {
    renewals: 0,
    credentials: async () => ({ bucket: 'b', prefix: 'p/', pathStyle: true, region: 'r', endpoint: 'http://s', accessKeyId: `k${session.renewals}`, secretAccessKey: 's', sessionToken: 't', expiration: new Date(Date.now() + 600_000).toISOString() }),
    expired: async () => {
      session.renewals += 1;
    },
  };
  globalThis.fetch = async (url, { method, headers }) => {
    asked.push({ method, url, headers });
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { store: new Store(session, limits), session, asked };
}

test('a session that has ended is renewed once and the request goes on', async () => {
  const ended = () => new Response('<Error><Code>ExpiredToken</Code></Error>', { status: 400 });
  const { store, session, asked } = storeThat(ended(), new Response(null, { status: 204 }));
  await store.delete('a');
  assert.equal(session.renewals, 1);
  assert.match(asked[1].headers.get('authorization'), /Credential=k1\//);
  const twice = storeThat(ended(), ended());
  await assert.rejects(twice.store.delete('a'), { kind: 'expired' });
});

test('a busy store and a lost network are asked again', async () => {
  const { store, asked } = storeThat(new Response('', { status: 503 }), new TypeError('network'), new Response(null, { status: 204 }));
  await store.delete('a b+c');
  assert.deepEqual(asked.map(({ url }) => url), Array(3).fill('http://s/b/p/a%20b%2Bc'));
});

/** An answer whose body ends with an error. */
const broken = (error) => new Response(new ReadableStream({ pull: (controller) => controller.error(error) }));

test('a listing whose end was lost is asked for again', async () => {
  const { store, asked } = storeThat(broken(new TypeError('network')), new Response(page(item('p/a'))));
  assert.equal((await store.list('')).objects[0].path, 'a');
  assert.equal(asked.length, 2);
});

test('a listing that is aborted while it arrives is cancelled', async () => {
  const stop = new AbortController();
  const { store } = storeThat(broken(new DOMException('aborted', 'AbortError')));
  const { fetch } = globalThis;
  globalThis.fetch = async (...given) => {
    const answer = await fetch(...given);
    stop.abort();
    return answer;
  };
  await assert.rejects(store.list('', { signal: stop.signal }), { kind: 'cancelled' });
});

test('a sign-in that has ended is not taken for a lost network', async () => {
  const problem = Object.assign(new Error('0 signed-out'), { name: 'Problem', status: 0, slug: 'signed-out' });
  const store = new Store({ credentials: () => Promise.reject(problem) });
  await assert.rejects(store.list(''), (error) => error.kind === 'signed-out' && !error.isPassing);
});

test('the folder of a folder without a name is the root', async () => {
  const { parentOf } = await import(`${source}/files/entry.js`);
  assert.deepEqual(['/', '/a', 'a/', 'a/b', 'a//', 'a/b/'].map(parentOf), ['', '/', '', 'a/', 'a/', 'a/']);
});

test('a session that was ended early is renewed, and what a fresh one is refused is not asked again', async () => {
  const denied = () => new Response('<Error><Code>AccessDenied</Code></Error>', { status: 403 });
  const { store, session } = storeThat(denied(), new Response(null, { status: 204 }));
  await store.delete('a');
  assert.equal(session.renewals, 1);
  const twice = storeThat(denied(), denied());
  await assert.rejects(twice.store.delete('a'), { kind: 'denied', code: 'AccessDenied' });
  assert.equal(twice.asked.length, 2);
  const abort = storeThat(denied());
  assert.equal(await abort.store.abortUpload({ path: 'a', id: 'u' }), false);
  assert.equal(abort.session.renewals, 0);
});

test('a copy that fails after its 200 has failed', async () => {
  const { store } = storeThat(new Response('<Error><Code>InternalError</Code></Error>', { status: 200 }));
  await assert.rejects(store.copy({ path: 'a', size: 1 }, 'b'), { code: 'InternalError' });
});

test('what a proxy answers in the place of a copy is no copy', async () => {
  const { store } = storeThat(new Response('<html>welcome</html>'));
  await assert.rejects(store.copy({ path: 'a', size: 1 }, 'b'), { code: 'NoResult' });
});

test('a copy is of the object that was listed', async () => {
  const { store, asked } = storeThat(new Response('<CopyObjectResult><ETag>"9"</ETag></CopyObjectResult>'));
  await store.copy({ path: 'a', size: 1, etag: '"9"' }, 'b');
  assert.equal(asked[0].headers.get('x-amz-copy-source-if-match'), '"9"');
});

test('an object beyond the limit of a copy is copied in parts, with its metadata', async () => {
  const { store, asked } = storeThat(
    { copyLimit: 10 },
    new Response(null, { headers: { 'content-type': 'text/plain', 'content-length': '25', 'x-amz-meta-a': '1', server: 's' } }),
    new Response('<R><UploadId>u</UploadId></R>'),
    ...[1, 2, 3].map((number) => new Response(`<CopyPartResult><ETag>&quot;${number}&quot;</ETag></CopyPartResult>`)),
    new Response('<CompleteMultipartUploadResult><ETag>"c"</ETag></CompleteMultipartUploadResult>'),
  );
  await store.copy({ path: 'a', size: 25, etag: '"9"' }, 'b');
  const parts = asked.filter(({ headers }) => headers.has('x-amz-copy-source-range'));
  assert.deepEqual(parts.map(({ headers }) => headers.get('x-amz-copy-source-range')).sort(), ['bytes=0-9', 'bytes=10-19', 'bytes=20-24']);
  assert.deepEqual(parts.map(({ headers }) => headers.get('x-amz-copy-source-if-match')), Array(3).fill('"9"'));
  const { headers } = asked[1];
  assert.deepEqual(['content-type', 'x-amz-meta-a', 'server'].map((name) => headers.get(name)), ['text/plain', '1', null]);
});

test('parts are not copied of an object that has another size by now', async () => {
  const { store, asked } = storeThat({ copyLimit: 10 }, new Response(null, { headers: { 'content-length': '30' } }));
  await assert.rejects(store.copy({ path: 'a', size: 25 }, 'b'), { status: 412 });
  assert.equal(asked.length, 1);
});

test('a link lasts no longer than the session', async () => {
  const { store } = storeThat();
  const { url, ends } = await store.presign('a', { seconds: 86_400, name: 'ü.txt' });
  const seconds = Number(new URL(url).searchParams.get('X-Amz-Expires'));
  assert.ok(seconds <= 600 && seconds > 590, String(seconds));
  assert.ok(Math.abs(ends - Date.now() - seconds * 1000) < 1000);
  assert.equal(new URL(url).searchParams.get('response-content-disposition'), "attachment; filename*=UTF-8''%C3%BC.txt");
});

test('a name that no browser can ask for does not keep the others from being deleted', async () => {
  const gone = () => new Response(null, { status: 204 });
  const { store, asked } = storeThat(...Array.from({ length: 6 }, gone));
  const deleted = [];
  const paths = ['b/../c', ...'defghi'];
  await assert.rejects(store.deleteAll(paths, { onEach: (path) => deleted.push(path) }), { kind: 'name' });
  assert.deepEqual(deleted.sort(), [...'defghi']);
  assert.equal(asked.length, 6);
});
