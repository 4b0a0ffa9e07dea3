import { h, icon } from '../dom.js';
import { addressOf, nameOf } from '../places.js';
import { Store } from '../store/s3.js';
import { untilBack } from '../store/transport.js';
import { breadcrumbs, selectionBar, toolbar } from './bars.js';
import { parentOf } from './entry.js';
import { explain } from './explain.js';
import { Folder } from './folder.js';
import { number } from './format.js';
import { Grid } from './grid.js';

/**
 * What the parts of the view share.
 * @typedef {object} Context
 * @property {import('../store/s3.js').Store} store
 * @property {import('./upload_queue.js').UploadQueue} queue from the first list on
 * @property {() => Promise<unknown>} renew makes the session fresh
 * @property {string} root the name of the place
 * @property {boolean} canWrite
 * @property {boolean} isShared whether others may open this place
 * @property {(folder: string) => string} addressOf the address of a folder in this page
 * @property {(key: string, values?: object) => string} t
 * @property {(words: string, kind?: 'problem') => void} announce
 * @property {HTMLElement} uploads where they are shown
 * @property {AbortSignal} signal aborted when the view is not shown again
 */

/** How far a change has come. @typedef {'nothing' | 'partly' | 'done'} Outcome */

/** Loads what is done on a click. */
const actions = () => import('./actions.js');

/** The files of a place, a folder at a time. */
export class FilesView {
  #context;
  #place;
  #session;
  #folder = null;
  #order = { by: 'name', descending: false };
  #loading = new AbortController();
  /** Resolves when uploads can be taken. */
  #uploads = null;
  /** Whether the next folder is opened from the grid: the focus stays there. */
  #isEntering = false;

  /**
   * @param {object} options
   * @param {import('../session.js').Session} options.session
   * @param {{kind: string, name: string | null, access: 'read' | 'read-write'}} options.place
   * @param {string} options.folder what is shown first
   * @param {import('../texts.js').Texts} options.texts
   * @param {Context['announce']} options.announce
   * @param {HTMLElement} options.uploads where they are shown
   * @param {AbortSignal} options.signal aborted when the view is not shown again
   */
  constructor({ session, place, folder, texts: { t }, announce, uploads, signal }) {
    const canWrite = place.access === 'read-write';
    const renew = () => session.renew();
    const isShared = place.kind !== 'own';
    const root = nameOf(place, t);
    const context = { store: new Store(session), root, renew, canWrite, isShared, addressOf: (path) => addressOf(place, 'files', path), t, announce, uploads, signal };
    this.#context = context;
    this.#place = place;
    this.#session = session;
    this.grid = new Grid(t, canWrite);
    this.tools = toolbar(context, {
      upload: (chosen) => this.#upload(chosen),
      newFolder: () => this.#change('newFolder', [this.#folder.path], []),
      refresh: () => this.#reload(),
      filter: (text) => this.#filter(text),
    });
    this.actions = selectionBar(context, {
      download: () => this.#act('download', this.grid.selected, this.#folder.path),
      share: () => this.#act('share', this.grid.selected[0]),
      rename: () => this.#rename(),
      move: () => this.#change('moveTo', [this.grid.selected, this.#folder.path], this.grid.selected),
      remove: () => this.#remove(),
      clear: () => this.grid.selection.clear(),
    });
    this.crumbs = h('div', {});
    this.note = h('div', { class: 'files-note', 'aria-live': 'polite' });
    this.element = h('section', { class: 'files', 'aria-label': t('files.label') },
      this.crumbs, this.tools.element, this.actions.element, this.grid.element, this.note);
    this.#listen(context);
    this.open(folder);
  }

  /** The folder that is shown. @returns {string} */
  get path() {
    return this.#folder.path;
  }

  /** Shows a folder. @param {string} path */
  async open(path) {
    const { t } = this.#context;
    const takesFocus = this.#isEntering || this.crumbs.contains(document.activeElement);
    this.#isEntering = false;
    this.tools.filter.value = '';
    this.crumbs.replaceChildren(breadcrumbs(path, this.#context.root, this.#context.addressOf, t));
    this.grid.reset();
    this.#folder = new Folder(path, this.#order);
    this.grid.showOrder(this.#order);
    await this.#load(this.#folder);
    if (takesFocus) this.grid.focusActive();
  }

  /** Goes to a folder from the grid. The address names it, so that Back, a reload and a bookmark lead there. */
  #enter(path) {
    this.#isEntering = true;
    location.hash = this.#context.addressOf(path);
  }

  #listen({ signal }) {
    const { grid } = this;
    grid.addEventListener('open', ({ detail }) => this.#openEntry(detail));
    grid.addEventListener('selection', () => this.actions.show(grid.selected));
    grid.addEventListener('sort', ({ detail }) => this.#sort(detail));
    grid.addEventListener('menu', ({ detail }) => this.#menu(detail));
    grid.addEventListener('command', ({ detail }) => this.#command(detail));
    signal.addEventListener('abort', () => {
      clearTimeout(this.timer);
      this.#loading.abort();
    });
    this.tools.filter.addEventListener('keydown', (event) => {
      if (event.key === 'ArrowDown' && grid.rows.length > 0) grid.activate(0);
    });
  }

  async #openEntry(entry) {
    if (entry.isFolder) return this.#enter(entry.path);
    const files = this.grid.rows.filter(({ isFolder }) => !isFolder);
    const { last, then } = await this.#act('preview', entry, files);
    const index = this.grid.rows.findIndex(({ path }) => path === last.path);
    if (index < 0) return undefined;
    this.grid.activate(index);
    if (!then) return undefined;
    this.grid.selection.set([last.path]);
    return this.#command(then);
  }

  #menu(at) {
    const { selected } = this.grid;
    const label = this.#context.t('files.more', { name: selected[0].name });
    const buttons = [...this.actions.element.querySelectorAll('button:not([hidden], .files-clear)')];
    return this.#act('rowMenu', { host: this.element, at, label, buttons });
  }

  /** Does something to what is named now, and not to what is shown once the code is there. */
  async #act(action, ...given) {
    return (await actions())[action](this.#context, ...given);
  }

  /** On what is selected, or else on the active line. */
  #command(name) {
    const { grid } = this;
    const { canWrite } = this.#context;
    if (grid.selection.size === 0 && grid.rows[grid.active] && ['rename', 'delete'].includes(name)) {
      grid.selection.set([grid.rows[grid.active].path]);
    }
    if (name === 'up' && this.#folder.path) this.#enter(parentOf(this.#folder.path));
    if (name === 'filter') this.tools.filter.focus();
    if (name === 'rename' && canWrite && grid.selected.length === 1) this.#rename();
    if (name === 'delete' && canWrite) this.#remove();
  }

  #rename() {
    const { selected } = this.grid;
    return this.#change('rename', [selected[0]], selected);
  }

  #remove() {
    const { selected } = this.grid;
    return this.#change('remove', [selected], selected);
  }

  #sort(column) {
    const descending = this.#order.by === column ? !this.#order.descending : column !== 'name';
    this.#order = { by: column, descending };
    this.#folder.sort(this.#order);
    this.grid.showOrder(this.#order);
    this.#show();
  }

  #filter(text) {
    this.#folder.filter(text);
    this.#show();
  }

  /**
   * Changes something here, and loads the folder again.
   * @param {'newFolder' | 'rename' | 'moveTo' | 'remove'} action
   * @param {unknown[]} given
   * @param {import('./entry.js').Entry[]} gone what is not here any more once it is done
   */
  async #change(action, given, gone) {
    /** @type {Outcome} */
    const outcome = await this.#act(action, ...given);
    if (outcome !== 'nothing') await this.#reload(outcome === 'done' ? gone : []);
  }

  /** Into the folder that is shown now, though files that were dropped take a while to be read. */
  async #upload(chosen) {
    const { path } = this.#folder;
    const [files] = await Promise.all([chosen, this.#takeUploads()]);
    return this.#act('startUpload', path, files);
  }

  /** Shows the uploads of the place, and takes files that are dropped: the first list does not wait for that. */
  #takeUploads() {
    this.#uploads ??= actions().then(({ dropZone, queueOf, uploadPanel }) => {
      const context = this.#context;
      context.queue = queueOf(this.#session, context.store);
      context.queue.addEventListener('stored', ({ detail }) => this.#stored(detail), { signal: context.signal });
      uploadPanel(context.queue, context);
      dropZone(this.element, context, (chosen) => this.#upload(chosen));
    });
    return this.#uploads;
  }

  #stored(path) {
    if (!path.startsWith(this.#folder.path)) return;
    clearTimeout(this.timer);
    // No longer than the words that all is uploaded.
    this.timer = setTimeout(() => this.#reload(), this.#context.queue.isBusy ? 500 : 0);
  }

  /** Keeps what is shown until all of it is there again. */
  async #reload(gone = []) {
    const { path } = this.#folder;
    const order = this.#order;
    const fresh = new Folder(path, order, gone);
    this.#loading.abort();
    this.#loading = new AbortController();
    try {
      await fresh.load(this.#context.store, { signal: this.#loading.signal, onPage: () => {} });
    } catch (error) {
      if (error.kind !== 'cancelled') this.#context.announce(explain(error, this.#context.t), 'problem');
      return;
    }
    if (this.#folder.path !== path) return;
    // Meanwhile something may have been typed, or sorted.
    fresh.filter(this.tools.filter.value);
    if (order !== this.#order) fresh.sort(this.#order);
    this.#folder = fresh;
    this.grid.selection.keep((selected) => fresh.has(selected));
    this.#show();
  }

  async #load(folder) {
    this.#loading.abort();
    this.#loading = new AbortController();
    this.grid.element.setAttribute('aria-busy', 'true');
    this.note.replaceChildren(h('p', { class: 'muted' }, this.#context.t('files.loading')));
    try {
      await folder.load(this.#context.store, { signal: this.#loading.signal, onPage: () => this.#showPage() });
    } catch (error) {
      if (error.kind !== 'cancelled') this.#showProblem(error);
      return;
    }
    this.grid.element.setAttribute('aria-busy', 'false');
    this.#show();
  }

  #showPage() {
    this.#show();
    // With it comes all that a click needs, which then waits for no network.
    this.#takeUploads();
  }

  /** What the store did once, it will do again: the view and its uploads stay, and the folder loads as soon as it can. */
  async #waitFor(folder) {
    const { t, store, signal } = this.#context;
    this.note.replaceChildren(h('div', { class: 'notice warning', role: 'alert' }, h('p', {}, t('files.error.again'))));
    for (let tries = 1; this.#folder === folder && !signal.aborted; tries += 1) {
      await untilBack(tries, signal).catch(() => {});
      if (this.#folder === folder && await store.list(folder.path, { limit: 1, signal }).then(() => true, () => false)) return this.open(folder.path);
    }
  }

  #showProblem(error) {
    const { t, store } = this.#context;
    if (error.isPassing && store.hasAnswered) return this.#waitFor(this.#folder);
    const again = h('button', { type: 'button', onclick: () => this.open(this.#folder.path) }, t('files.again'));
    this.note.replaceChildren(h('div', { class: 'notice danger', role: 'alert' }, h('p', {}, explain(error, t)), again));
    // The frame around this view has more to say about the gateway's problems and an unreachable store.
    const detail = error.cause?.name === 'Problem' ? error.cause : error;
    this.element.dispatchEvent(new CustomEvent('store-error', { bubbles: true, detail }));
  }

  #show() {
    this.grid.show(this.#folder.shown);
    this.grid.element.hidden = this.#folder.isComplete && this.#folder.count === 0;
    this.note.replaceChildren(this.#summary());
  }

  #summary() {
    const { t, canWrite } = this.#context;
    const { count, isComplete } = this.#folder;
    if (isComplete && count === 0) return this.#empty();
    const shown = this.grid.rows.length;
    if (shown === 0 && isComplete) return h('p', { class: 'muted' }, t('files.filtered.none'));
    if (shown < count) return h('p', { class: 'muted' }, t('files.filtered', { shown: number(shown), total: number(count) }));
    const words = t(isComplete ? 'files.count' : 'files.count.more', { count });
    return h('p', { class: 'muted' }, words, canWrite && isComplete && ['files.keys', 'files.drop.hint'].map((key) => h('span', { class: 'files-keys' }, ` · ${t(key)}`)));
  }

  #empty() {
    const { t, canWrite } = this.#context;
    return h('div', { class: 'files-empty' }, icon('folder'), h('p', {}, t('files.empty')),
      canWrite
        ? [h('p', { class: 'muted files-by-pointer' }, t('files.empty.write')), h('p', { class: 'muted files-by-touch' }, t('files.empty.write.touch'))]
        : h('p', { class: 'muted' }, t('files.empty.read')));
  }
}
