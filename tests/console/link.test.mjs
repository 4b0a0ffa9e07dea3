import assert from 'node:assert/strict';
import { test } from 'node:test';

const { parsed } = await import('../../src/http/pages/console/link.js');

const NAME = 'response-content-disposition=attachment%3B%20filename%2A%3DUTF-8%27%27%25C3%25BC.txt';
const QUERY = `X-Amz-Date=20260315T120000Z&X-Amz-Expires=600&X-Amz-Signature=00&${NAME}`;
const byPath = { endpoint: 'https://s3.example:9000', path_style: true };
const byHost = { ...byPath, path_style: false };

test('a link says its file and its end', () => {
  const { name, ends } = parsed(`https://s3.example:9000/bucket/key?${QUERY}`, byPath);
  assert.deepEqual([name, ends.toISOString()], ['ü.txt', '2026-03-15T12:10:00.000Z']);
});

test('a link shows the name that the browser will save', () => {
  const shown = (disposition) => parsed(`https://s3.example:9000/bucket/Report.pdf?${QUERY.replace(NAME, `response-content-disposition=${encodeURIComponent(disposition)}`)}`, byPath)?.name;
  assert.equal(shown(`attachment; filename=evil.exe; x="filename*=UTF-8''Report.pdf`), undefined);
  assert.equal(shown('attachment; filename=evil.exe'), undefined);
  assert.equal(shown(`attachment; filename*=UTF-8''${encodeURIComponent('a\u202efdp.exe')}`), 'afdp.exe');
});

test('a link with two names is none', () => {
  for (const other of [NAME, NAME.replace('response-c', 'Response-C'), 'response-content-type=text%2Fhtml']) {
    assert.equal(parsed(`https://s3.example:9000/bucket/key?${QUERY}&${other}`, byPath), null, other);
  }
});

test('a link leads to the store and nowhere else', () => {
  const leads = (begin, store) => parsed(`${begin}/key?${QUERY}`, store) !== null;
  assert.ok(leads('https://s3.example:9000/bucket', byPath));
  assert.ok(leads('https://bucket.s3.example:9000', byHost));
  for (const begin of ['http://s3.example:9000', 'https://s3.example', 'https://evil.example:9000', 'https://evils3.example:9000',
    'https://s3.example:9000.evil.example', 'https://s3.example:9000@evil.example', 'javascript:alert(1)//s3.example:9000', '//s3.example:9000', '']) {
    assert.ok(!leads(begin, byHost), begin);
  }
  assert.ok(!leads('https://bucket.s3.example:9000', byPath));
});

test('a link that lacks a part of it is none', () => {
  for (const part of QUERY.split('&')) {
    assert.equal(parsed(`https://s3.example:9000/bucket/key?${QUERY.replace(part, '')}`, byPath), null, part);
  }
});
