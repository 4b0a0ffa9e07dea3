import assert from 'node:assert/strict';
import { test } from 'node:test';

const { zipNames } = await import('../../src/http/pages/console/files/zip_names.js');

const names = (paths, folder = '', size = 1) =>
  zipNames(paths.map((path) => ({ path, size })), folder).members.map(({ name }) => name);

test('names in a zip are relative to its folder', () => {
  assert.deepEqual(names(['in/a', 'in/b/c'], 'in/'), ['a', 'b/c']);
});

test('no name in a zip leads out of the folder where it is unpacked', () => {
  assert.deepEqual(names(['..\\..\\x.bat', 'C:\\y.bat', 'a\0b', '/etc/z']), ['.._.._x.bat', 'C__y.bat', 'a_b', 'etc/z']);
});

test('objects that unpackers would give one name have two in a zip', () => {
  assert.deepEqual(names(['/x.txt', 'x.txt', 'a//b', 'a/b']), ['x.txt', 'x (2).txt', 'a/b', 'a/b (2)']);
});

test('names that Windows and macOS take for one are two in a zip', () => {
  assert.deepEqual(names(['A.txt', 'a.txt', 'Docs/x', 'docs/x', '\u00e9', 'e\u0301']), ['A.txt', 'a (2).txt', 'Docs/x', 'docs/x (2)', '\u00e9', 'e\u0301 (2)']);
});

test('a file that is named like a folder has another name in a zip', () => {
  assert.deepEqual(names(['a', 'a/b']), ['a (2)', 'a/b']);
});

test('an empty object with a slash at its end is a folder, any other is a file', () => {
  assert.deepEqual(names(['empty/'], '', 0), ['empty/']);
  assert.deepEqual(names(['full/']), ['full']);
});

test('what no browser can ask for is left out of a zip and counted', () => {
  const { members, leftOut } = zipNames(['a', 'b/../c', './d'].map((path) => ({ path, size: 1 })), '');
  assert.deepEqual([members.length, leftOut], [1, 2]);
});
