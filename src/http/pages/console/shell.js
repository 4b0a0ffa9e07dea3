import { account } from './account.js';
import { h, icon, mark } from './dom.js';
import { filesView } from './files/view.js';
import { Problem } from './gateway.js';
import { nameOf, pathOf, placeList } from './places.js';
import { Session } from './session.js';
import { stateView, whyNoAnswer } from './states.js';

/** The views of a place, with their drawings. */
const VIEWS = { files: 'folder', usage: 'chart', credentials: 'key' };

/** The view that belongs to the person, not to a place. */
const SESSIONS = 'sessions';

/** The frame around the views: what may be opened, which view of it, and who is here. */
export class Shell {
  #root;
  #context;
  #places = [];
  #sessions = new Map();
  /** Files stay as they are while another view is shown. */
  #files = new Map();
  #leaving = new AbortController();
  #closing = new AbortController();
  #main = h('main', { id: 'main', tabindex: '-1' });

  /**
   * @param {HTMLElement} root
   * @param {object} context what the views share: texts, settings, announce, gateway, name, signIn, signOut
   */
  constructor(root, context) {
    this.#root = root;
    this.#context = context;
  }

  async start() {
    const { signal } = this.#closing;
    addEventListener('hashchange', () => this.#show(true), { signal });
    this.#main.addEventListener('store-error', ({ detail }) => this.#storeFailed(detail), { signal });
    await this.#load();
  }

  close() {
    this.#closing.abort();
    this.#leaving.abort();
    for (const key of this.#files.keys()) this.#closeFiles(key);
    for (const session of this.#sessions.values()) session.close();
    this.#root.replaceChildren();
  }

  /** Shows everything in other words. */
  speak(texts) {
    this.#context = { ...this.#context, texts };
    for (const key of this.#files.keys()) this.#closeFiles(key);
    this.#show(false);
  }

  /** Says that the sign-in has ended, above what is shown. */
  signedOut() {
    const { texts: { t }, signIn } = this.#context;
    document.querySelector('#banner')?.replaceChildren(h('div', { class: 'notice warning', role: 'alert', 'data-state': 'signed-out' },
      h('p', {}, h('strong', {}, t('state.signed-out')), ' ', t('state.signed-out.what')),
      h('button', { type: 'button', class: 'primary', onclick: signIn }, t('sign_in'))));
  }

  async #load() {
    this.#frame(null, null);
    this.#main.replaceChildren(this.#opening());
    try {
      this.#places = await this.#context.gateway.storage();
    } catch (problem) {
      return this.#showProblem(problem, () => this.#load());
    }
    if (this.#places.length === 0) return this.#showProblem(new Problem({ status: 0, slug: 'nothing-to-open' }), () => this.#load());
    return this.#show(false);
  }

  /** @param {boolean} isChosen whether the person came here by a link of this page */
  async #show(isChosen) {
    if (this.#places.length === 0) return;
    const { place, view } = this.#route();
    this.#leaving.abort();
    this.#leaving = new AbortController();
    this.#frame(place, view);
    const { signal } = this.#leaving;
    const shown = await this.#view(place, view, signal);
    if (!shown || signal.aborted) return;
    this.#main.replaceChildren(...[place && this.#tabs(place, view), shown].filter(Boolean));
    if (!isChosen) return;
    this.#main.focus({ preventScroll: true });
    this.#context.announce(document.title);
    scrollTo(0, 0);
  }

  /** What the address asks for; the first place's files otherwise. */
  #route() {
    const parts = location.hash.split('/').slice(1);
    if (parts[0] === SESSIONS) return { place: null, view: SESSIONS };
    const view = Object.hasOwn(VIEWS, parts.at(-1)) ? parts.at(-1) : 'files';
    const path = parts.slice(0, -1).join('/');
    return { place: this.#places.find((place) => pathOf(place) === path) ?? this.#places[0], view };
  }

  async #view(place, view, signal) {
    const { gateway } = this.#context;
    const again = () => this.#show(false);
    if (view === SESSIONS) {
      const { sessionsPanel } = await import('./panels/sessions.js');
      return sessionsPanel({ ...this.#context, revoked: () => this.#renewAll() });
    }
    const session = this.#session(place);
    const opening = setTimeout(() => !signal.aborted && this.#main.replaceChildren(this.#opening()), 150);
    try {
      await session.credentials();
    } catch (problem) {
      if (!signal.aborted) this.#showProblem(problem, again);
      return null;
    } finally {
      clearTimeout(opening);
    }
    if (signal.aborted) return null;
    if (view === 'files') return this.#filesOf(place, session);
    const module = await import(`./panels/${view}.js`);
    return module[`${view}Panel`]({ ...this.#context, gateway, session, place, signal });
  }

  #filesOf(place, session) {
    const key = pathOf(place);
    if (!this.#files.has(key)) {
      const { texts, announce } = this.#context;
      const closing = new AbortController();
      this.#files.set(key, { closing, element: filesView({ session, place, texts, announce, signal: closing.signal }) });
    }
    return this.#files.get(key).element;
  }

  #closeFiles(key) {
    this.#files.get(key)?.closing.abort();
    this.#files.delete(key);
  }

  #session(place) {
    const key = pathOf(place);
    if (!this.#sessions.has(key)) this.#sessions.set(key, new Session(this.#context.gateway, place));
    return this.#sessions.get(key);
  }

  /** After one's own sessions were ended, also those of this page. */
  async #renewAll() {
    await Promise.allSettled([...this.#sessions.values()].map((session) => session.renew()));
  }

  /** A list that failed: the gateway's problems and a store that cannot be read have a state; the view shows the rest. */
  async #storeFailed(error) {
    const { place } = this.#route();
    const retry = () => {
      this.#closeFiles(pathOf(place));
      this.#show(false);
    };
    if (error instanceof Problem) return this.#showProblem(error, retry);
    if (error.kind === 'store-down' || error.kind === 'busy') return this.#showProblem({ slug: 'storage-unavailable', status: error.status }, retry);
    if (error.kind !== 'cors-or-network') return;
    this.#showProblem(await whyNoAnswer(this.#context.settings.store.endpoint), retry);
  }

  #showProblem(problem, retry) {
    this.#main.replaceChildren(stateView(problem, { ...this.#context, retry }));
  }

  #opening() {
    return h('p', { class: 'opening muted', role: 'status' }, this.#context.texts.t('opening'));
  }

  #frame(place, view) {
    const { texts, name, signOut } = this.#context;
    const { t } = texts;
    const title = view === SESSIONS ? t('sessions') : place && nameOf(place, t);
    const words = [title, place && view !== 'files' && t(`view.${view}`), t('app.name')];
    document.title = words.filter(Boolean).join(' – ');
    const nav = this.#nav(place, view);
    const toggle = h('button', { type: 'button', class: 'quiet nav-toggle', 'aria-controls': 'nav', 'aria-expanded': 'false' },
      h('span', {}, title ?? t('app.name')), h('span', { class: 'chevron', 'aria-hidden': 'true' }));
    toggle.addEventListener('click', () => toggle.setAttribute('aria-expanded', String(nav.classList.toggle('open'))));
    const skip = h('a', { class: 'skip', href: '#main' }, t('skip'));
    skip.addEventListener('click', (event) => {
      event.preventDefault();
      this.#main.focus();
    });
    const header = h('header', { class: 'top' },
      h('a', { class: 'brand', href: '#/', 'aria-label': t('app.name') }, mark(28), h('span', {}, t('app.name'))),
      toggle, account({ texts, name, signOut }));
    const banner = document.querySelector('#banner') ?? h('div', { id: 'banner' });
    this.#root.replaceChildren(skip, header, h('div', { class: 'body' }, nav, h('div', { class: 'content' }, banner, this.#main)));
  }

  #nav(place, view) {
    const { t } = this.#context.texts;
    return h('nav', { id: 'nav', 'aria-label': t('nav') },
      h('h2', { class: 'muted' }, t('nav.places')),
      placeList(this.#places, place, t),
      h('ul', { class: 'places' }, h('li', {},
        h('a', { href: `#/${SESSIONS}`, 'aria-current': view === SESSIONS ? 'page' : null }, icon('clock'), h('span', { class: 'name' }, t('sessions'))))));
  }

  #tabs(place, view) {
    const { t } = this.#context.texts;
    return h('header', { class: 'place' },
      h('div', { class: 'place-name' }, h('h1', {}, nameOf(place, t)), place.access === 'read' && h('span', { class: 'badge', 'data-state': 'read-only' }, t('place.readOnly'))),
      h('nav', { class: 'tabs', 'aria-label': nameOf(place, t) }, Object.entries(VIEWS).map(([name, drawing]) =>
        h('a', { href: `#/${pathOf(place)}/${name}`, 'aria-current': name === view ? 'page' : null }, icon(drawing), h('span', {}, t(`view.${name}`))))));
  }
}
