import { settingsFields } from './account.js';
import { h } from './dom.js';

/** What people see before they have signed in. */
export function welcome({ texts, settings, signIn }) {
  const { t } = texts;
  return h('main', { class: 'plain welcome' },
    h('div', { class: 'card' },
      h('img', { src: 'design/mark.svg', alt: '', width: 56, height: 56 }),
      h('h1', {}, t('app.name')),
      h('p', {}, t('welcome.what')),
      h('button', { type: 'button', class: 'primary big', onclick: signIn }, t('sign_in')),
      h('p', { class: 'muted' }, t('welcome.where', { host: new URL(settings.issuer).host }))),
    settingsFields(texts));
}
