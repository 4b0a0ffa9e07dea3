/** The words of the console, in the languages that there are. A language is one more file. */

const LANGUAGES = {
  en: { name: 'English', load: () => import('./texts/en.js') },
  nl: { name: 'Nederlands', load: () => import('./texts/nl.js') },
};

const KEPT = 'cloakroom.language';

export class Texts {
  #words;
  #plural;
  #number;

  /** @param {string} language @param {Record<string, string | Record<string, string>>} words */
  constructor(language, words) {
    this.language = language;
    this.#words = words;
    this.#plural = new Intl.PluralRules(language);
    this.#number = new Intl.NumberFormat(language);
    this.t = this.t.bind(this);
    this.has = this.has.bind(this);
  }

  /**
   * The text of a key with its placeholders filled in. A text with forms (`one`, `other`) is chosen by
   * `count`.
   *
   * @param {string} key
   * @param {Record<string, string | number>} [values]
   * @returns {string}
   */
  t(key, values = {}) {
    const found = this.#words[key] ?? key;
    const text = typeof found === 'string' ? found : found[this.#plural.select(values.count ?? 0)] ?? found.other;
    return text.replace(/\{(\w+)\}/g, (all, name) => this.#value(values[name], all));
  }

  has(key) {
    return key in this.#words;
  }

  #value(value, otherwise) {
    if (typeof value === 'number') return this.#number.format(value);
    return value ?? otherwise;
  }
}

/** @returns {Promise<Texts>} in the language that was chosen, or else in one of the browser's */
export async function loadTexts() {
  const language = wanted();
  const { words } = await LANGUAGES[language].load();
  document.documentElement.lang = language;
  return new Texts(language, words);
}

/** @returns {[string, string][]} */
export function languages() {
  return Object.entries(LANGUAGES).map(([code, { name }]) => [code, name]);
}

/** Keeps the choice for the next visit. @param {string} language */
export function chooseLanguage(language) {
  localStorage.setItem(KEPT, language);
}

function wanted() {
  const spoken = navigator.languages.map((tag) => tag.split('-')[0]);
  return [localStorage.getItem(KEPT), ...spoken, 'en'].find((language) => language && Object.hasOwn(LANGUAGES, language));
}
