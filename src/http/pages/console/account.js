import { h, icon } from './dom.js';
import { chooseLanguage, languages } from './texts.js';

const THEME = 'cloakroom.theme';

/**
 * The button with the person's name, and what opens below it.
 * @param {{texts: import('./texts.js').Texts, name: string | null, signOut: () => void}} options
 */
export function account({ texts: { t, language }, name, signOut }) {
  const menu = h('div', { id: 'account', class: 'menu', popover: 'auto' },
    name && h('p', { class: 'who' }, h('span', { class: 'muted' }, t('account.signedInAs')), h('strong', {}, name)),
    settingsFields({ t, language }),
    h('button', { type: 'button', onclick: signOut }, t('sign_out')));
  const button = h('button', { type: 'button', class: 'quiet', popovertarget: 'account', 'aria-haspopup': 'true', 'aria-label': t('account', { name: name ?? '' }) },
    icon('person'), h('span', { class: 'account-name' }, name ?? t('account.noName')));
  menu.addEventListener('toggle', ({ newState }) => button.setAttribute('aria-expanded', String(newState === 'open')));
  button.setAttribute('aria-expanded', 'false');
  return h('div', { class: 'account' }, button, menu);
}

/** Language and theme: all that the browser keeps. */
export function settingsFields({ t, language }) {
  const chosen = localStorage.getItem(THEME) ?? 'system';
  const theme = select('theme', t('theme'), ['system', 'light', 'dark'].map((name) => [name, t(`theme.${name}`)]), chosen, setTheme);
  const words = select('language', t('language'), languages(), language, (code) => {
    chooseLanguage(code);
    document.dispatchEvent(new Event('language'));
  });
  return h('div', { class: 'fields' }, theme, words);
}

function select(id, label, options, chosen, change) {
  const list = h('select', { id, onchange: () => change(list.value) },
    options.map(([value, words]) => h('option', { value, selected: value === chosen }, words)));
  return h('div', { class: 'field' }, h('label', { for: id }, label), list);
}

function setTheme(theme) {
  if (theme === 'system') {
    localStorage.removeItem(THEME);
    delete document.documentElement.dataset.theme;
  } else {
    localStorage.setItem(THEME, theme);
    document.documentElement.dataset.theme = theme;
  }
}
