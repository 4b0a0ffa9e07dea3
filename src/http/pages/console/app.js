import { settingsFields } from './account.js';
import { h, icon, mark } from './dom.js';
import { Gateway, Problem } from './gateway.js';
import { handOver, SignIn } from './sign_in.js';
import { stateView } from './states.js';
import { loadTexts } from './texts.js';

/** Everything behind the sign-in, as soon as somebody comes back from it. */
const shell = new URLSearchParams(location.search).has('code') ? import('./shell.js') : null;

const root = document.querySelector('#app');

/** Whether somebody was sent here to download a file. */
const isLink = () => location.hash.startsWith('#/link/');

/** The console from its first words to the files. */
class App {
  #texts;
  #settings;
  #signIn;
  #shell = null;

  async start() {
    [this.#texts, this.#settings] = await Promise.all([loadTexts(), loadSettings()]);
    this.#title();
    document.addEventListener('language', () => this.#speakAnother());
    if (!this.#settings) return this.#showProblem(Problem.unreachable());
    if (isLink()) return this.#openLink();
    addEventListener('hashchange', () => isLink() && location.reload());
    this.#signIn = new SignIn(this.#settings);
    try {
      if (await handOver()) return this.#handedOver();
      if (await this.#signIn.complete()) return this.#open();
      if (this.#signIn.wasSignedIn || location.hash === '#sign-in') return await this.#begin();
    } catch (problem) {
      return this.#showProblem(problem);
    }
    return this.#welcome();
  }

  /** What the views share. */
  get #context() {
    return {
      texts: this.#texts,
      settings: this.#settings,
      announce: this.#announce,
      keepsPage: this.#signIn?.keepsPage,
      signIn: () => (this.#shell ? this.#signInAgain() : this.#begin().catch((problem) => this.#showProblem(problem))),
      signOut: () => this.#signOut(),
    };
  }

  async #open() {
    const { Shell } = await shell;
    const context = { ...this.#context, gateway: new Gateway(this.#signIn, this.#settings), name: this.#signIn.name };
    this.#shell = new Shell(root, context);
    this.#signIn.addEventListener('ended', () => this.#shell?.signedOut());
    return this.#shell.start();
  }

  async #openLink() {
    const { linkView } = await import('./link.js');
    addEventListener('hashchange', () => location.reload());
    root.replaceChildren(h('main', { class: 'plain' }, await linkView(this.#context)));
  }

  #welcome() {
    root.replaceChildren(welcome(this.#context));
  }

  #begin() {
    if (location.hash === '#sign-in') history.replaceState(null, '', location.pathname);
    return this.#signIn.begin();
  }

  /** Signs in beside this page, which goes on afterwards; or in its place, where the browser opens no window. */
  async #signInAgain() {
    const { t } = this.#texts;
    try {
      if (!this.#signIn.keepsPage || !(await this.#signIn.again())) return await this.#begin();
    } catch (problem) {
      return this.#announce(t(`state.${problem.slug}.what`), 'problem');
    }
    this.#announce(t('sign_in.again'));
    return this.#shell?.signedInAgain();
  }

  /** @returns {Promise<boolean>} whether uploads may stop */
  async #agreesToStop() {
    const { t } = this.#texts;
    const { ask } = await import('./files/dialog.js');
    const stop = { value: 'stop', label: t('sign_out'), className: 'danger' };
    return (await ask({ t, title: t('sign_out.uploads'), body: [h('p', {}, t('sign_out.uploads.what'))], choices: [stop] })) !== null;
  }

  /** In the window beside: another page has taken the sign-in. */
  #handedOver() {
    const { t } = this.#texts;
    history.replaceState(null, '', location.pathname);
    close();
    root.replaceChildren(h('main', { class: 'plain' }, h('section', { class: 'state', role: 'status', 'data-state': 'handed-over' },
      h('div', { class: 'state-icon' }, icon('check')), h('h1', {}, t('sign_in.again')), h('p', {}, t('sign_in.close')))));
  }

  async #signOut() {
    // Who listens has something that would be lost.
    const isBusy = !dispatchEvent(new Event('beforeunload', { cancelable: true }));
    if (isBusy && !(await this.#agreesToStop())) return;
    this.#shell?.close();
    this.#shell = null;
    history.replaceState(null, '', location.pathname);
    const leaves = await this.#signIn.end();
    if (leaves) return;
    this.#welcome();
    this.#announce(this.#texts.t('sign_out.done'));
  }

  #showProblem(problem) {
    const retry = () => location.reload();
    const context = { ...this.#context, settings: this.#settings ?? {}, retry };
    root.replaceChildren(h('main', { class: 'plain' }, stateView(problem, context)));
  }

  async #speakAnother() {
    this.#texts = await loadTexts();
    this.#title();
    if (this.#shell) this.#shell.speak(this.#texts);
    else this.#welcome();
  }

  #title() {
    document.title = this.#texts.t('app.name');
  }

  /** Says something to screen readers, and shows problems for a while. */
  #announce = (words, kind) => {
    document.querySelector('#announcer').textContent = words;
    if (kind !== 'problem') return;
    const toast = h('div', { class: 'toast notice danger', 'aria-hidden': 'true' }, words);
    document.querySelector('#toasts').replaceChildren(toast);
    setTimeout(() => toast.remove(), 8_000);
  };
}

/** @returns {Promise<object | null>} null if the gateway does not answer */
async function loadSettings() {
  const response = await fetch('settings.json').catch(() => null);
  return response?.ok ? response.json() : null;
}

/** What people see before they have signed in. */
function welcome({ texts, settings, signIn }) {
  const { t } = texts;
  return h('main', { class: 'plain welcome' },
    h('div', { class: 'card' },
      mark(56),
      h('h1', {}, t('app.name')),
      h('p', {}, t('welcome.what')),
      h('button', { type: 'button', class: 'primary big', onclick: signIn }, t('sign_in')),
      h('p', { class: 'muted' }, t('welcome.where', { host: new URL(settings.issuer).host }))),
    settingsFields(texts));
}

new App().start();
