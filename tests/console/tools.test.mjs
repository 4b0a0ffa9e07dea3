import assert from 'node:assert/strict';
import { test } from 'node:test';

const { toolsFor } = await import('../../src/http/pages/console/panels/tools.js');

test('tools that hold a host only are not offered for a store below a path', () => {
  assert.ok(toolsFor('https://s3.example:9000').includes('s3cmd'));
  assert.deepEqual(toolsFor('https://s3.example/store').filter((name) => ['s3cmd', 'duckdb', 'rclone'].includes(name)), ['rclone']);
});
