import { h } from '../dom.js';
import { number, size, when } from '../files/format.js';
import { addressOf } from '../places.js';
import { Store } from '../store/s3.js';

/** So many folders are named; the rest is summed up. */
const NAMED = 12;

/** The page is drawn this often while the objects are counted, in milliseconds. */
const DRAWN = 150;

/** How much is stored: counted here, from the store's own list. */
export function usagePanel({ session, place, texts, announce, signal }) {
  const usage = new Usage(new Store(session), place, texts, announce, signal);
  usage.count();
  return usage.element;
}

class Usage {
  #store;
  #place;
  #t;
  #announce;
  #leaving;
  #counting = null;

  constructor(store, place, { t }, announce, leaving) {
    this.#store = store;
    this.#place = place;
    this.#t = t;
    this.#announce = announce;
    this.#leaving = leaving;
    this.total = h('p', { class: 'total' });
    this.note = h('p', { class: 'muted' });
    this.bars = h('ul', { class: 'bars' });
    this.button = h('button', { type: 'button', onclick: () => this.#press() });
    this.element = h('section', { class: 'panel', 'aria-label': t('view.usage') },
      h('div', { class: 'card usage' }, h('h2', {}, t('usage.stored')), this.total, this.note, this.button),
      this.folders = h('div', { class: 'card', hidden: true }, h('h2', {}, t('usage.folders')), this.bars));
  }

  /** Counts in the background, until all is counted, somebody stops it or the panel is left. */
  async count() {
    const stop = this.#counting = new AbortController();
    this.#leaving.addEventListener('abort', () => stop.abort(), { once: true });
    const sum = { count: 0, bytes: 0, folders: new Map(), isWhole: false, time: null };
    let drawn = 0;
    this.#sayState(sum);
    try {
      for await (const { path, size: bytes } of this.#store.listAll('', { signal: stop.signal })) {
        add(sum, path, bytes);
        if (performance.now() - drawn < DRAWN) continue;
        drawn = performance.now();
        this.draw(sum);
      }
      sum.isWhole = true;
    } catch (error) {
      if (error.kind !== 'cancelled') this.#announce(this.#t('usage.failed'), 'problem');
    }
    this.#counting = null;
    sum.time = new Date();
    this.draw(sum);
    if (sum.isWhole) this.#announce(this.#words(sum));
  }

  /** @param {object} sum */
  draw(sum) {
    const t = this.#t;
    this.total.replaceChildren(h('strong', {}, size(sum.bytes)), ' ', t('usage.objects', { count: sum.count }));
    this.#sayState(sum);
    this.folders.hidden = sum.folders.size === 0;
    const sorted = [...sum.folders].sort(([, one], [, other]) => other.bytes - one.bytes);
    this.bars.replaceChildren(...sorted.slice(0, NAMED).map(([name, folder]) => this.#bar(name, folder, sum.bytes)));
    if (sorted.length > NAMED) this.bars.append(h('li', { class: 'muted' }, t('usage.more', { count: sorted.length - NAMED })));
  }

  #sayState({ isWhole, time }) {
    const t = this.#t;
    this.note.textContent = this.#counting ? t('usage.counting') : t(isWhole ? 'usage.counted' : 'usage.stopped', { when: when(time) });
    this.button.textContent = t(this.#counting ? 'usage.stop' : 'usage.again');
  }

  #bar(name, { count, bytes }, all) {
    const share = all > 0 ? bytes / all : 0;
    const label = name || this.#t('usage.noFolder');
    const link = h('a', { href: addressOf(this.#place, 'files', name && `${name}/`) }, label);
    return h('li', {},
      h('span', { class: 'bar-name' }, link),
      h('span', { class: 'bar-size' }, size(bytes), ' ', h('span', { class: 'muted' }, this.#t('usage.objects', { count }))),
      h('meter', { min: '0', max: '1', value: share, 'aria-label': label }));
  }

  #press() {
    if (this.#counting) return this.#counting.abort();
    return this.count();
  }

  #words(sum) {
    return `${size(sum.bytes)}, ${number(sum.count)}`;
  }
}

function add(sum, path, bytes) {
  const isFile = !path.endsWith('/');
  const slash = path.indexOf('/');
  const name = slash < 0 ? '' : path.slice(0, slash);
  const folder = sum.folders.get(name) ?? { count: 0, bytes: 0 };
  sum.folders.set(name, folder);
  for (const one of [sum, folder]) {
    one.count += Number(isFile);
    one.bytes += bytes;
  }
}
