import { h, icon } from '../dom.js';
import { extensionOf, kindOf } from './entry.js';
import { exactly, size, when } from './format.js';
import { gridKeys } from './grid_keys.js';

/** Rows that are drawn above and below what is seen. */
const SPARE = 8;
const COLUMNS = ['name', 'size', 'modified'];

/**
 * The lines of a folder as an ARIA grid. Only the rows that are seen are in the document, whatever their
 * number; the active row stays there, so that the keyboard's focus has a place.
 *
 * Events: `open` with an entry in `detail`; `selection`; `sort` with a column; `command` with
 * `rename`, `delete`, `up`, or `filter`; `menu` with the place in the window where it was asked for.
 */
export class Grid extends EventTarget {
  /** @type {import('./entry.js').Entry[]} */
  rows = [];
  selection = new Selection();
  active = 0;
  #drawn = new Map();
  #t;
  #frame = 0;
  #drawnHeight = 0;

  /** @param {(key: string, values?: object) => string} t @param {boolean} canWrite */
  constructor(t, canWrite) {
    super();
    this.#t = t;
    this.canWrite = canWrite;
    this.all = h('input', { type: 'checkbox', 'aria-label': t('files.selectAll'), onclick: () => this.toggleAll() });
    this.heads = COLUMNS.map((column) => h('div', { role: 'columnheader', class: `files-${column}` },
      h('button', { type: 'button', class: 'quiet', onclick: () => this.tell('sort', column) }, t(`files.${column}`))));
    this.space = h('div', { role: 'rowgroup', class: 'files-space' });
    const head = h('div', { role: 'row', class: 'files-row files-head', 'aria-rowindex': '1' },
      h('div', { role: 'columnheader', class: 'files-check' }, this.all), ...this.heads,
      h('div', { role: 'columnheader', class: 'files-more' }, h('span', { class: 'visually-hidden' }, t('files.actions'))));
    this.head = h('div', { role: 'rowgroup', class: 'files-heads' }, head);
    this.element = h('div', { role: 'grid', class: 'files-grid', 'aria-label': t('files.label'), 'aria-multiselectable': 'true', 'aria-colcount': '5' },
      this.head, this.space);
    this.element.addEventListener('scroll', () => this.#drawSoon(), { passive: true });
    this.space.addEventListener('keydown', (event) => gridKeys(this, event));
    this.space.addEventListener('click', (event) => this.#clicked(event));
    this.space.addEventListener('contextmenu', (event) => this.#menuAsked(event));
    this.space.addEventListener('dblclick', (event) => this.#openAt(event.target));
    this.selection.addEventListener('change', () => this.#showSelection());
    new ResizeObserver(() => this.#drawSoon()).observe(this.element);
  }

  /** @param {import('./folder.js').Order} order */
  showOrder({ by, descending }) {
    COLUMNS.forEach((column, index) => {
      const sorted = descending ? 'descending' : 'ascending';
      this.heads[index].setAttribute('aria-sort', column === by ? sorted : 'none');
    });
  }

  /**
   * Shows other lines. The active one stays, by its path.
   * @param {import('./entry.js').Entry[]} rows
   */
  show(rows) {
    const path = this.rows[this.active]?.path;
    const hadFocus = this.space.contains(document.activeElement);
    this.rows = rows;
    const found = path === undefined ? -1 : rows.findIndex((row) => row.path === path);
    this.active = found >= 0 ? found : Math.max(0, Math.min(this.active, rows.length - 1));
    this.element.setAttribute('aria-rowcount', String(rows.length + 1));
    this.#redraw();
    if (hadFocus) this.focusActive();
  }

  /** Begins at the top, with nothing selected. */
  reset() {
    this.selection.clear();
    this.active = 0;
    this.rows = [];
    this.element.scrollTop = 0;
    this.#redraw();
  }

  /** @returns {import('./entry.js').Entry[]} */
  get selected() {
    return this.rows.filter(({ path }) => this.selection.has(path));
  }

  /** @param {string} name @param {unknown} [detail] */
  tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  toggleAll() {
    if (this.selection.size === this.rows.length) this.selection.clear();
    else this.selection.set(this.rows.map(({ path }) => path));
  }

  /** Makes a row the active one, brings it into sight and gives it the focus. @param {number} index */
  activate(index) {
    const before = this.#drawn.get(this.active);
    if (before) before.tabIndex = -1;
    this.active = Math.max(0, Math.min(index, this.rows.length - 1));
    this.#bringIntoSight();
    this.#draw();
    this.focusActive();
  }

  focusActive() {
    this.#drawn.get(this.active)?.focus({ preventScroll: true });
  }

  /** @returns {number} how many rows fit */
  get page() {
    return Math.max(1, Math.floor(this.#room / this.#height) - 1);
  }

  get #height() {
    return parseFloat(getComputedStyle(this.element).getPropertyValue('--files-row')) || 44;
  }

  /** How much of the rows is seen: the heads stay above them. */
  get #room() {
    return this.element.clientHeight - this.head.offsetHeight;
  }

  #bringIntoSight() {
    const top = this.active * this.#height;
    const bottom = top + this.#height;
    const { scrollTop } = this.element;
    if (top < scrollTop) this.element.scrollTop = top;
    else if (bottom > scrollTop + this.#room) this.element.scrollTop = bottom - this.#room;
  }

  #redraw() {
    for (const row of this.#drawn.values()) row.remove();
    this.#drawn.clear();
    this.#drawnHeight = this.#height;
    this.space.style.height = `${this.rows.length * this.#drawnHeight}px`;
    this.#draw();
    this.#showSelection();
  }

  #drawSoon() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      // Rows are higher on a phone.
      if (this.#height === this.#drawnHeight) this.#draw();
      else this.#redraw();
    });
  }

  #draw() {
    const height = this.#drawnHeight;
    const { scrollTop } = this.element;
    const first = Math.max(0, Math.floor(scrollTop / height) - SPARE);
    const last = Math.min(this.rows.length - 1, Math.ceil((scrollTop + this.#room) / height) + SPARE);
    for (const [index, row] of this.#drawn) {
      if ((index < first || index > last) && index !== this.active) {
        row.remove();
        this.#drawn.delete(index);
      }
    }
    for (let index = first; index <= last; index += 1) this.#drawRow(index, height);
    if (this.rows.length > 0) this.#drawRow(this.active, height);
  }

  #drawRow(index, height) {
    const drawn = this.#drawn.get(index);
    if (drawn) {
      drawn.tabIndex = index === this.active ? 0 : -1;
      return;
    }
    const entry = this.rows[index];
    const row = rowOf(entry, index, this.#t);
    row.tabIndex = index === this.active ? 0 : -1;
    row.style.transform = `translateY(${index * height}px)`;
    this.#mark(row, entry.path);
    this.#drawn.set(index, row);
    // In the order of the lines, for screen readers.
    const next = [...this.space.children].find((other) => Number(other.dataset.index) > index);
    this.space.insertBefore(row, next ?? null);
  }

  #mark(row, path) {
    const isSelected = this.selection.has(path);
    row.setAttribute('aria-selected', String(isSelected));
    row.querySelector('input').checked = isSelected;
  }

  #showSelection() {
    for (const [index, row] of this.#drawn) this.#mark(row, this.rows[index].path);
    const { size } = this.selection;
    this.all.checked = size > 0 && size === this.rows.length;
    this.all.indeterminate = size > 0 && size < this.rows.length;
    this.tell('selection');
  }

  #indexAt(target) {
    const row = target.closest('.files-row');
    return row ? Number(row.dataset.index) : -1;
  }

  #clicked(event) {
    const index = this.#indexAt(event.target);
    if (index < 0) return;
    if (event.target.closest('.files-open')) {
      this.activate(index);
      this.tell('open', this.rows[index]);
      return;
    }
    const more = event.target.closest('.files-more button');
    if (more) {
      const { left, bottom } = more.getBoundingClientRect();
      this.#openMenu(index, { x: left, y: bottom });
      return;
    }
    const isToggle = event.target.closest('.files-check') || event.ctrlKey || event.metaKey;
    if (event.shiftKey) this.selectRange(index);
    else if (isToggle) this.selection.toggle(this.rows[index].path);
    else this.selection.set([this.rows[index].path]);
    this.activate(index);
  }

  #menuAsked(event) {
    const index = this.#indexAt(event.target);
    if (index < 0) return;
    event.preventDefault();
    // The keyboard's key for it names no place.
    const { left, bottom } = event.target.getBoundingClientRect();
    this.#openMenu(index, event.detail === 0 && event.pointerType === '' ? { x: left, y: bottom } : { x: event.clientX, y: event.clientY });
  }

  /** Of all that is selected if the row is one of them. */
  #openMenu(index, at) {
    const { path } = this.rows[index];
    if (!this.selection.has(path)) this.selection.set([path]);
    this.activate(index);
    this.tell('menu', at);
  }

  #openAt(target) {
    const index = this.#indexAt(target);
    if (index >= 0 && !target.closest('.files-check, .files-open, .files-more')) this.tell('open', this.rows[index]);
  }

  /** Selects from the row where the selection began. @param {number} index */
  selectRange(index) {
    const from = Math.max(0, this.rows.findIndex(({ path }) => path === this.selection.anchor));
    const [first, last] = from < index ? [from, index] : [index, from];
    this.selection.set(this.rows.slice(first, last + 1).map(({ path }) => path), this.selection.anchor);
  }
}

/** Which paths are selected. Event: `change`. */
class Selection extends EventTarget {
  #paths = new Set();
  /** @type {string | null} where a range begins */
  anchor = null;

  get size() {
    return this.#paths.size;
  }

  /** @param {string} path @returns {boolean} */
  has(path) {
    return this.#paths.has(path);
  }

  clear() {
    this.set([]);
  }

  /** @param {string[]} paths these and no others @param {string | null} [anchor] */
  set(paths, anchor = paths[0] ?? null) {
    this.#paths = new Set(paths);
    this.anchor = anchor;
    this.dispatchEvent(new Event('change'));
  }

  /** Forgets the others. @param {(path: string) => boolean} isThere */
  keep(isThere) {
    this.set([...this.#paths].filter(isThere));
  }

  /** @param {string} path */
  toggle(path) {
    if (!this.#paths.delete(path)) this.#paths.add(path);
    this.anchor = path;
    this.dispatchEvent(new Event('change'));
  }
}

/**
 * @param {import('./entry.js').Entry} entry
 * @param {number} index from 0
 * @param {(key: string, values?: object) => string} t
 * @returns {HTMLElement}
 */
function rowOf(entry, index, t) {
  const name = entry.name || t('files.noName');
  const check = h('input', { type: 'checkbox', tabindex: '-1', 'aria-label': t('files.select', { name }) });
  const open = h('button', { type: 'button', class: 'files-open quiet', tabindex: '-1' }, iconOf(entry), h('span', {}, name));
  const more = h('button', { type: 'button', class: 'quiet', tabindex: '-1', 'aria-haspopup': 'menu', 'aria-label': t('files.more', { name }), title: t('files.actions') }, icon('more'));
  const modified = entry.modified && h('time', { title: exactly(entry.modified) }, when(entry.modified));
  const row = h('div', { role: 'row', class: 'files-row', 'aria-rowindex': String(index + 2) },
    h('div', { role: 'gridcell', class: 'files-check' }, check),
    h('div', { role: 'gridcell', class: 'files-name' }, open),
    h('div', { role: 'gridcell', class: 'files-size' }, entry.isFolder ? t('files.folder') : size(entry.size)),
    h('div', { role: 'gridcell', class: 'files-modified' }, modified || ''),
    h('div', { role: 'gridcell', class: 'files-more' }, more));
  row.dataset.index = String(index);
  return row;
}

function iconOf({ isFolder, name }) {
  if (isFolder) return icon('folder');
  const kind = kindOf(extensionOf(name));
  return icon(kind === 'image' || kind === 'text' ? kind : 'file');
}
