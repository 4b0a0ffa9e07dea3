import { account } from './account.js';
import { h, icon, mark } from './dom.js';
import { nameOf as nameOfPath } from './files/entry.js';
import { FilesView } from './files/view.js';
import { Problem } from './gateway.js';
import { addressOf, nameOf, pathOf, placeList, routeOf, SESSIONS, VIEWS } from './places.js';
import { Session } from './session.js';
import { stateView, whyNoAnswer } from './states.js';

/** The frame around the views: what may be opened, which view of it, and who is here. */
export class Shell {
  #root;
  #context;
  #places = [];
  #sessions = new Map();
  /** Files stay as they are while another view is shown. */
  #files = new Map();
  /** What to try again when what is shown is a problem. */
  #retry = null;
  #leaving = new AbortController();
  #closing = new AbortController();
  #main = h('main', { id: 'main', tabindex: '-1' });
  /** In sight in every view. */
  #uploads = h('aside', { id: 'uploads', hidden: true });

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
    const { texts: { t }, signIn, keepsPage } = this.#context;
    const banner = document.querySelector('#banner');
    if (!banner || banner.hasChildNodes()) return;
    banner.replaceChildren(h('div', { class: 'notice warning', role: 'alert', 'data-state': 'signed-out' },
      h('p', {}, h('strong', {}, t('state.signed-out')), ' ', t(keepsPage ? 'state.signed-out.what' : 'state.signed-out.leaves')),
      h('button', { type: 'button', class: 'primary', onclick: signIn }, t('sign_in'))));
  }

  /** Goes on after the same person has signed in again. */
  async signedInAgain() {
    document.querySelector('#banner')?.replaceChildren();
    await this.#renewAll();
    if (this.#main.querySelector('.state')) this.#retry();
  }

  async #load() {
    this.#frame(null, null, '');
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
    const { place, view, folder } = routeOf(location.hash, this.#places);
    const files = place && view === 'files' ? this.#files.get(pathOf(place))?.view : null;
    if (files && files.path !== folder) files.open(folder);
    if (files?.element.isConnected) return this.#title(place, view, folder);
    this.#leaving.abort();
    this.#leaving = new AbortController();
    this.#frame(place, view, folder);
    const { signal } = this.#leaving;
    if (!view) return this.#showProblem({ slug: 'unknown-place' }, () => this.#load());
    const shown = await this.#view(place, view, folder, signal);
    if (!shown || signal.aborted) return;
    this.#main.replaceChildren(...[place && this.#tabs(place, view), shown].filter(Boolean));
    if (!isChosen) return;
    this.#main.focus({ preventScroll: true });
    this.#context.announce(document.title);
    scrollTo(0, 0);
  }

  async #view(place, view, folder, signal) {
    const { gateway } = this.#context;
    const opening = setTimeout(() => !signal.aborted && this.#main.replaceChildren(this.#opening()), 150);
    const session = place && this.#session(place);
    try {
      const [panel] = await Promise.all([view !== 'files' && panelOf(view), session?.credentials()]);
      if (signal.aborted) return null;
      if (!panel) return this.#filesOf(place, session, folder);
      return await panel({ ...this.#context, gateway, session, place, signal, isOwnKey: (id) => this.#isOwnKey(id), revoked: () => this.#renewAll() });
    } catch (problem) {
      if (!signal.aborted) this.#showProblem(problem, () => this.#show(false));
      return null;
    } finally {
      clearTimeout(opening);
    }
  }

  #filesOf(place, session, folder) {
    const key = pathOf(place);
    if (!this.#files.has(key)) {
      const { texts, announce } = this.#context;
      const closing = new AbortController();
      this.#files.set(key, { closing, view: new FilesView({ session, place, folder, texts, announce, uploads: this.#uploads, signal: closing.signal }) });
    }
    return this.#files.get(key).view.element;
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

  /** Whether an access key was handed out to this page. */
  #isOwnKey(id) {
    return [...this.#sessions.values()].some((session) => session.had(id));
  }

  /** After one's own sessions were ended, also those of this page. */
  async #renewAll() {
    await Promise.allSettled([...this.#sessions.values()].map((session) => session.renew()));
  }

  /** A list that failed: the gateway's problems and a store that cannot be read have a state; the view shows the rest. */
  async #storeFailed(error) {
    const { place } = routeOf(location.hash, this.#places);
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
    this.#retry = retry;
    this.#main.replaceChildren(stateView(problem, { ...this.#context, retry }));
  }

  #opening() {
    return h('p', { class: 'opening muted', role: 'status' }, this.#context.texts.t('opening'));
  }

  /** Names what is shown in the window's title. @returns {string | null} its first words */
  #title(place, view, folder) {
    const { t } = this.#context.texts;
    const title = view === SESSIONS ? t('sessions') : place && nameOf(place, t);
    const words = [folder && nameOfPath(folder), title, place && view !== 'files' && t(`view.${view}`), t('app.name')];
    document.title = words.filter(Boolean).join(' – ');
    return title;
  }

  #frame(place, view, folder) {
    const { texts, name, signOut } = this.#context;
    const { t } = texts;
    const title = this.#title(place, view, folder);
    const nav = this.#nav(place, view);
    const toggle = h('button', { type: 'button', class: 'quiet nav-toggle', 'aria-controls': 'nav', 'aria-expanded': 'false' },
      h('span', {}, title ?? t('app.name')), h('span', { class: 'chevron', 'aria-hidden': 'true' }));
    const unfold = (isOpen) => toggle.setAttribute('aria-expanded', String(nav.classList.toggle('open', isOpen)));
    toggle.addEventListener('click', () => unfold());
    nav.addEventListener('click', ({ target }) => target.closest('a') && unfold(false));
    const skip = h('a', { class: 'skip', href: '#main' }, t('skip'));
    skip.addEventListener('click', (event) => {
      event.preventDefault();
      this.#main.focus();
    });
    const header = h('header', { class: 'top' },
      h('a', { class: 'brand', href: '#/', 'aria-label': t('app.name') }, mark(28), h('span', {}, t('app.name'))),
      toggle, account({ texts, name, signOut }));
    const banner = document.querySelector('#banner') ?? h('div', { id: 'banner' });
    this.#root.replaceChildren(skip, header, h('div', { class: 'body' }, nav, h('div', { class: 'content' }, banner, this.#main, this.#uploads)));
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
      h('div', { class: 'place-name' }, h('h1', {}, nameOf(place, t)), place.access === 'read' && h('span', { class: 'badge', 'data-state': 'read-only' }, t('place.readOnly')),
        place.kind !== 'own' && h('p', { class: 'muted shared' }, t(`place.shared.${place.kind}`, { name: place.name.split('/').pop(), organisation: place.name.split('/')[0] }))),
      h('nav', { class: 'tabs', 'aria-label': nameOf(place, t) }, Object.entries(VIEWS).map(([name, drawing]) =>
        h('a', { href: addressOf(place, name, name === 'files' && view !== 'files' ? this.#files.get(pathOf(place))?.view.path : ''), 'aria-current': name === view ? 'page' : null }, icon(drawing), h('span', {}, t(`view.${name}`))))));
  }
}

/** @returns {Promise<(context: object) => HTMLElement | Promise<HTMLElement>>} what draws the view @throws {Problem} */
async function panelOf(view) {
  const module = await import(`./panels/${view}.js`).catch(() => {
    throw Problem.unreachable();
  });
  return module[`${view}Panel`];
}
