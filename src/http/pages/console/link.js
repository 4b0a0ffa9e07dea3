import { h, icon } from './dom.js';
import { downloadFrom } from './files/download.js';
import { duration, exactly } from './files/format.js';

const START = '#/link/';

/** Of the time in a presigned URL, such as `20260315T120000Z`. */
const TIME = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;

/** The address in this page that leads to a presigned URL. The store itself would answer with XML once the link has ended. */
export function linkTo(url) {
  return new URL(`./${START}${url}`, document.baseURI).href;
}

/**
 * What a shared link leads to: a file to download, or the words that the link has ended. Nobody has to sign in for it.
 * @param {{texts: import('./texts.js').Texts, settings: object, announce: Function}} context
 * @returns {Promise<HTMLElement>}
 */
export async function linkView(context) {
  const { settings, texts: { t } } = context;
  const link = parsed(location.hash.slice(START.length), settings.store);
  if (!link) return over('link.wrong', t);
  const ending = await endingOf(link);
  return ending ? over(ending, t) : file(link, context);
}

function file(link, { texts: { t }, announce }) {
  const card = h('section', { class: 'state', 'data-state': 'link' });
  const download = async () => {
    const ending = await endingOf(link);
    if (ending) return card.replaceWith(over(ending, t));
    downloadFrom(link.url.href, t('files.download'));
    return announce(t('files.download.begun', { name: link.name }));
  };
  card.append(
    h('div', { class: 'state-icon' }, icon('file')),
    h('h1', {}, link.name),
    h('p', {}, t('link.what')),
    h('div', { class: 'actions' }, h('button', { type: 'button', class: 'primary', onclick: download }, icon('download'), t('files.download'))),
    h('p', { class: 'muted' }, t('files.share.ends', { date: exactly(link.ends), duration: duration((link.ends - Date.now()) / 1000) })));
  return card;
}

function over(ending, t) {
  return h('section', { class: 'state', role: 'alert', 'data-state': ending.replace('.', '-') },
    h('div', { class: 'state-icon' }, icon('link')), h('h1', {}, t(ending)), h('p', {}, t(`${ending}.what`)));
}

/**
 * @param {string} text
 * @param {{endpoint: string, path_style: boolean}} store
 * @returns {{url: URL, name: string, ends: Date} | null} null if it is no presigned URL of the store, or may not save the
 *   file under the name that is shown
 */
export function parsed(text, store) {
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  const given = url.searchParams;
  const [, ...begin] = TIME.exec(given.get('X-Amz-Date')) ?? [];
  const seconds = Number(given.get('X-Amz-Expires'));
  if (!isOf(store, url) || begin.length === 0 || !(seconds > 0) || !given.has('X-Amz-Signature')) return null;
  const name = nameIn(given);
  if (!name) return null;
  const [year, month, ...rest] = begin.map(Number);
  const ends = new Date(Date.UTC(year, month - 1, ...rest) + seconds * 1000);
  return { url, name: decoded(name), ends };
}

/** Whoever makes up an address can lead nobody elsewhere. */
function isOf({ endpoint, path_style: byPath }, { protocol, host }) {
  const store = new URL(endpoint);
  return protocol === store.protocol && (host === store.host || (!byPath && host.endsWith(`.${store.host}`)));
}

/** As it was given to `presign`, still encoded, if nothing else is there that a store or a browser could take for the name. */
function nameIn(given) {
  // MinIO reads these parameters without case, and one of several.
  const changed = [...given].filter(([key]) => key.toLowerCase().startsWith('response-'));
  if (changed.length !== 1 || changed[0][0] !== 'response-content-disposition') return undefined;
  return /^attachment; filename\*=UTF-8''([^;"\s]+)$/.exec(changed[0][1])?.[1];
}

/** Without characters that show nothing or turn what follows around. */
function decoded(name) {
  try {
    return decodeURIComponent(name).replace(/[\p{Cc}\p{Cf}]/gu, '');
  } catch {
    return name;
  }
}

/**
 * Why the link does not work, if so. The store knows; where this page may not read its answer, the clock says it.
 * @returns {Promise<'link.ended' | 'link.gone' | 'state.storage-unavailable' | null>}
 */
async function endingOf({ url, ends }) {
  const stop = new AbortController();
  try {
    const { ok, status } = await fetch(url, { cache: 'no-store', credentials: 'omit', referrerPolicy: 'no-referrer', signal: stop.signal });
    if (ok) return null;
    if (status === 404) return 'link.gone';
    return status >= 500 ? 'state.storage-unavailable' : 'link.ended';
  } catch {
    return ends < new Date() ? 'link.ended' : null;
  } finally {
    // Only the head of the answer was of interest.
    stop.abort();
  }
}
