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
      this.#draw(items, next);
    } catch (problem) {
      this.list.replaceChildren(stateView(problem, { ...this.#context, retry: () => this.load() }));
    }
  }

  #draw(items, next) {
    const { t } = this.#context.texts;
    if (items.length === 0) return this.list.replaceChildren(h('p', {}, t('sessions.none')));
    const rows = items.map((item) => this.#row(item));
    const body = h('tbody', {}, rows);
    const more = next && h('button', { type: 'button' }, t('sessions.more'));
    if (more) more.addEventListener('click', () => this.#more(body, more, next));
    return this.list.replaceChildren(
      h('table', {},
        h('thead', {}, h('tr', {}, ['time', 'where', 'access', 'end'].map((name) => h('th', { scope: 'col' }, t(`sessions.${name}`))))),
        body),
      more ?? '');
  }

  async #more(body, button, after) {
    button.disabled = true;
    const { items, next } = await this.#context.gateway.sessions(after);
    body.append(...items.map((item) => this.#row(item)));
    button.remove();
    if (next) {
      const another = h('button', { type: 'button' }, this.#context.texts.t('sessions.more'));
      another.addEventListener('click', () => this.#more(body, another, next));
      this.list.append(another);
    }
  }

  #row(item) {
    const { t } = this.#context.texts;
    const time = new Date(item.time);
    const cell = (name, ...content) => h('td', { 'data-label': t(`sessions.${name}`) }, h('div', {}, content));
    return h('tr', {},
      cell('time', h('time', { datetime: item.time, title: exactly(time) }, when(time))),
      cell('where', this.#where(item), ' ', h('span', { class: 'muted' }, this.#how(item.dialect))),
      cell('access', t(item.access === 'read' ? 'access.read' : 'access.write')),
      cell('end', this.#end(item)));
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

  #end({ revoked, expiration }) {
    const { t } = this.#context.texts;
    if (revoked) return h('span', { class: 'badge' }, t('sessions.revoked'));
    const end = new Date(expiration);
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
