import { h } from '../dom.js';
import { exactly, when } from '../files/format.js';
import { countdown } from '../countdown.js';
import { nameOf } from '../places.js';
import { stateView } from '../states.js';

/** What was handed out to this person lately, and the end of it all. */
export async function sessionsPanel(context) {
  const panel = new Sessions(context);
  await panel.load();
  return panel.element;
}

class Sessions {
  #context;
  #places = [];
  #items = [];

  constructor(context) {
    const { t } = context.texts;
    this.#context = context;
    this.list = h('div', { class: 'sessions' });
    this.element = h('section', { class: 'panel', 'aria-label': t('sessions') },
      h('h1', {}, t('sessions')),
      h('p', { class: 'muted' }, t('sessions.what')),
      this.endAll = h('button', { type: 'button', class: 'danger', onclick: () => this.#ask() }, t('sessions.endAll')),
      this.list);
  }

  async load() {
    const { gateway } = this.#context;
    try {
      // A bucket is not in the list that the page began with if it was made since.
      const [{ items, next }, places] = await Promise.all([gateway.sessions(), gateway.storage()]);
      this.#places = places;
      this.#items = items;
      this.#draw(next);
    } catch (problem) {
      this.list.replaceChildren(stateView(problem, { ...this.#context, retry: () => this.load() }));
    }
  }

  #draw(next) {
    const { t } = this.#context.texts;
    if (this.#items.length === 0) return this.list.replaceChildren(h('p', {}, t('sessions.none')));
    const more = h('button', { type: 'button', hidden: !next, onclick: () => this.#more(more, next) }, t('sessions.more'));
    return this.list.replaceChildren(
      h('table', {},
        h('thead', {}, h('tr', {}, ['where', 'access', 'time', 'end'].map((name) => h('th', { scope: 'col' }, t(`sessions.${name}`))))),
        h('tbody', {}, this.#groups().map((group) => this.#row(group)))),
      more);
  }

  async #more(button, after) {
    button.disabled = true;
    try {
      const { items, next } = await this.#context.gateway.sessions(after);
      this.#items.push(...items);
      this.#draw(next);
    } catch {
      button.disabled = false;
      this.#context.announce(this.#context.texts.t('sessions.more.failed'), 'problem');
    }
  }

  /** Those that say the same on one line, at the place of the newest: this page alone gets several an hour. */
  #groups() {
    const groups = new Map();
    for (const item of this.#items) {
      const isOver = item.revoked || Date.parse(item.expiration) < Date.now();
      const isHere = this.#context.isOwnKey(item.access_key_id);
      const { bucket, prefix, access, dialect, revoked } = item;
      const key = JSON.stringify([bucket, prefix, access, this.#how(dialect), revoked, isOver, isHere]);
      const group = groups.get(key) ?? { item, isHere, count: 0, end: item.expiration };
      group.count += 1;
      // All of them are UTC, in one form.
      if (item.expiration > group.end) group.end = item.expiration;
      groups.set(key, group);
    }
    return [...groups.values()];
  }

  #row({ item, isHere, count, end }) {
    const { t } = this.#context.texts;
    const time = new Date(item.time);
    const cell = (name, ...content) => h('td', { 'data-label': t(`sessions.${name}`) }, h('div', {}, content));
    return h('tr', {},
      cell('where', this.#where(item), ' ', isHere ? h('span', { class: 'badge' }, t('sessions.here')) : h('span', { class: 'muted' }, this.#how(item.dialect))),
      cell('access', t(item.access === 'read' ? 'access.read' : 'access.write')),
      cell('time', h('time', { datetime: item.time, title: exactly(time) }, when(time)), count > 1 && h('span', { class: 'muted' }, ` · ${t('sessions.count', { count })}`)),
      cell('end', this.#end(item.revoked, new Date(end))));
  }

  #where({ bucket, prefix }) {
    const { t } = this.#context.texts;
    const place = this.#places.find((one) => one.bucket === bucket && one.prefix === prefix);
    return place ? nameOf(place, t) : h('code', {}, `${bucket.slice(0, 12)}…/${prefix}`);
  }

  #how(dialect) {
    const { t, has } = this.#context.texts;
    return has(`sessions.by.${dialect}`) ? t(`sessions.by.${dialect}`) : '';
  }

  #end(isRevoked, end) {
    const { t } = this.#context.texts;
    if (isRevoked) return h('span', { class: 'badge' }, t('sessions.revoked'));
    return countdown(() => end, (words) => t('sessions.ends', { words }), t('sessions.ended'));
  }

  #ask() {
    const { t } = this.#context.texts;
    const no = h('button', { type: 'button', onclick: () => dialog.close() }, t('cancel'));
    const yes = h('button', { type: 'button', class: 'danger', onclick: () => this.#endAll(dialog, yes) }, t('sessions.endAll'));
    const dialog = h('dialog', { 'aria-labelledby': 'end-all' },
      h('h2', { id: 'end-all' }, t('sessions.end.title')), h('p', {}, t('sessions.end.what')), h('div', { class: 'actions' }, no, yes));
    dialog.addEventListener('close', () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  }

  async #endAll(dialog, button) {
    const { gateway, announce, revoked, texts: { t } } = this.#context;
    button.disabled = true;
    try {
      const { revoked: how, by } = await gateway.revoke();
      const words = t(`sessions.end.${how}`, { time: exactly(new Date(by)) });
      dialog.close();
      announce(words);
      await revoked();
      await this.load();
      this.list.prepend(h('div', { class: 'notice success', role: 'status' }, words));
    } catch (problem) {
      dialog.close();
      announce(t('sessions.end.failed'), 'problem');
    }
  }
}
