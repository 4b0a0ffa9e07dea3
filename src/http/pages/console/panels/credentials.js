import { codeBlock, copyButton } from '../copy.js';
import { countdown } from '../countdown.js';
import { h } from '../dom.js';
import { TOOLS, toolsFor } from './tools.js';

/** The keys to a place, for programs: until when, and ready to paste. */
export async function credentialsPanel({ session, place, texts, settings, announce, signal }) {
  const { t } = texts;
  const shown = new Keys(session, toolsFor(settings.store.endpoint), { t, announce });
  session.addEventListener('renewed', () => shown.show(), { signal });
  return h('section', { class: 'panel', 'aria-label': t('view.credentials') },
    h('p', { class: 'muted' }, t('credentials.who')),
    settings.login && terminal(place, texts, settings, announce),
    h('div', { class: 'card' },
      h('h2', {}, t('credentials.tools')),
      h('p', {}, t('credentials.tools.what')),
      life(session, texts, announce),
      shown.element),
    h('p', { class: 'muted' }, t('credentials.secret')));
}

/** The way that needs no pasting at all comes first. */
function terminal(place, { t }, settings, announce) {
  const words = { t, announce };
  const setUp = place.kind === 'own'
    ? [h('p', {}, t('credentials.login.setup')), codeBlock('cloakroom setup aws', words)]
    : [h('p', {}, t('credentials.login.workspace')), codeBlock(`cloakroom credentials --workspace ${place.name}`, words)];
  return h('div', { class: 'card' },
    h('h2', {}, t('credentials.login')),
    h('p', {}, t('credentials.login.what')),
    codeBlock(`cloakroom login --url ${settings.public_url}`, words),
    setUp);
}

function life(session, { t }, announce) {
  const renew = h('button', { type: 'button' }, t('credentials.renew'));
  renew.addEventListener('click', async () => {
    renew.disabled = true;
    await session.renew().then(() => announce(t('credentials.renewed')), () => announce(t('credentials.renew.failed'), 'problem'));
    renew.disabled = false;
  });
  return h('div', { class: 'life' },
    countdown(() => session.end, (words) => t('credentials.ends', { words }), t('credentials.ended')), renew);
}

/** The keys in a tool's own words, hidden until asked for: others may see the screen. */
class Keys {
  #session;
  #words;
  #credentials = null;
  #isVisible = false;

  constructor(session, tools, words) {
    const { t } = words;
    this.#session = session;
    this.#words = words;
    this.tool = h('select', { id: 'tool', onchange: () => this.#draw() },
      tools.map((name) => h('option', { value: name }, t(`tool.${name}`))));
    this.where = h('p', { class: 'muted' });
    this.code = h('code', {});
    this.eye = h('button', { type: 'button', 'aria-pressed': 'false', onclick: () => this.#toggle() }, t('credentials.show'));
    const pre = h('pre', {}, this.code);
    this.element = h('div', { class: 'keys' },
      h('div', { class: 'field' }, h('label', { for: 'tool' }, t('credentials.tool')), this.tool),
      this.where, h('div', { class: 'code' }, pre, h('div', { class: 'code-actions' }, this.eye, copyButton(() => this.#text(), words))));
    this.show();
  }

  /** Takes the session's credentials of now. */
  async show() {
    this.#credentials = await this.#session.credentials();
    this.#draw();
  }

  #toggle() {
    this.#isVisible = !this.#isVisible;
    this.eye.textContent = this.#words.t(this.#isVisible ? 'credentials.hide' : 'credentials.show');
    this.eye.setAttribute('aria-pressed', String(this.#isVisible));
    this.#draw();
  }

  #text() {
    return TOOLS[this.tool.value](this.#credentials);
  }

  #draw() {
    const { secretAccessKey, sessionToken } = this.#credentials;
    const hide = (text, secret) => text.replaceAll(secret, '•'.repeat(12));
    this.where.textContent = this.#words.t(`tool.${this.tool.value}.where`);
    this.code.textContent = this.#isVisible ? this.#text() : hide(hide(this.#text(), secretAccessKey), sessionToken);
  }
}
