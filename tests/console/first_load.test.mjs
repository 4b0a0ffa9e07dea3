import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import { test } from 'node:test';

const source = new URL('../../src/http/pages/console/', import.meta.url);
const read = (path) => readFile(new URL(path, source), 'utf8');

/** The modules that one imports before it runs, and those that they import. */
async function imported(path, found = new Set()) {
  if (found.has(path)) return found;
  found.add(path);
  for (const [, name] of (await read(path)).matchAll(/^import [^;]*? from '([^']+)';/gm)) {
    await imported(posix.join(posix.dirname(path), name), found);
  }
  return found;
}

test('the page asks at once for all that the first list needs, and for nothing else', async () => {
  const page = await read('index.html');
  const preloaded = [...page.matchAll(/<link rel="modulepreload" href="v-\{version\}\/([^"]+)">/g)].map(([, path]) => path);
  const needed = await imported('shell.js', await imported('app.js'));
  // Loaded by the script element, and in the person's language.
  const expected = [...needed].filter((path) => path !== 'app.js').sort();
  assert.deepEqual(preloaded.sort(), expected);
});
