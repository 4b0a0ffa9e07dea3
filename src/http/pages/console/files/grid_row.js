import { h } from '../dom.js';
import { icon } from '../icons.js';
import { extensionOf } from './entry.js';
import { exactly, size, when } from './format.js';
import { kindOf } from './kind.js';

/**
 * @param {import('./entry.js').Entry} entry
 * @param {number} index from 0
 * @param {(key: string, values?: object) => string} t
 * @returns {HTMLElement}
 */
export function rowOf(entry, index, t) {
  const name = entry.name || t('files.noName');
  const check = h('input', { type: 'checkbox', tabindex: '-1', 'aria-label': t('files.select', { name }) });
  const open = h('button', { type: 'button', class: 'files-open quiet', tabindex: '-1' }, iconOf(entry), h('span', {}, name));
  const modified = entry.modified && h('time', { title: exactly(entry.modified) }, when(entry.modified));
  const row = h('div', { role: 'row', class: 'files-row', 'aria-rowindex': String(index + 2) },
    h('div', { role: 'gridcell', class: 'files-check' }, check),
    h('div', { role: 'gridcell', class: 'files-name' }, open),
    h('div', { role: 'gridcell', class: 'files-size' }, entry.isFolder ? t('files.folder') : size(entry.size)),
    h('div', { role: 'gridcell', class: 'files-modified' }, modified || ''));
  row.dataset.index = String(index);
  return row;
}

function iconOf({ isFolder, name }) {
  if (isFolder) return icon('folder');
  const kind = kindOf(extensionOf(name));
  return icon(kind === 'image' || kind === 'text' ? kind : 'file');
}
