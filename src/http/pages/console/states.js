import { countdown } from './countdown.js';
import { h, icon } from './dom.js';

/** The drawing for each state; `lock` for those that say no, `plug` for those that pass. */
const ICONS = {
  'insufficient-scope': 'lock',
  'storage-not-entitled': 'lock',
  'nothing-to-open': 'folder',
  'rate-limited': 'clock',
  overloaded: 'clock',
  'storage-unavailable': 'plug',
  'identification-unavailable': 'plug',
  unreachable: 'plug',
  'store-unreachable': 'plug',
  cors: 'plug',
  'bucket-conflict': 'alert',
  'signed-out': 'door',
  'sign-in-refused': 'door',
  'sign-in-interrupted': 'door',
};

/** Trying again without a word from the gateway, in seconds. */
const PAUSE = 20;

/** States that pass, so the page tries again by itself. */
const PASSING = new Set(['rate-limited', 'overloaded', 'storage-unavailable', 'identification-unavailable', 'unreachable']);

/** States that another sign-in helps. */
const SIGN_IN = new Set(['signed-out', 'sign-in-refused', 'sign-in-interrupted', 'invalid-token', 'missing-token']);

/** States that another person's sign-in helps. */
const OTHER_PERSON = new Set(['insufficient-scope', 'storage-not-entitled', 'nothing-to-open', 'missing-claims']);

/**
 * What to show instead of a view that cannot be shown: what happened, and what helps.
 *
 * @param {import('./gateway.js').Problem | {slug: string}} problem
 * @param {object} context
 * @param {import('./texts.js').Texts} context.texts
 * @param {object} context.settings
 * @param {Function} context.announce
 * @param {() => void} context.retry
 * @param {() => void} context.signIn
 * @param {() => void} context.signOut
 * @returns {HTMLElement}
 */
export function stateView(problem, context) {
  const { texts: { t, has }, settings } = context;
  const slug = has(`state.${problem.slug}`) ? problem.slug : 'other';
  const values = { scope: problem.scope ?? settings.scope?.replace('openid ', '') ?? '', status: problem.status ?? 0 };
  return h('section', { class: 'state', role: 'alert', 'data-state': slug },
    h('div', { class: 'state-icon' }, icon(ICONS[slug] ?? 'alert')),
    h('h1', {}, t(`state.${slug}`)),
    h('p', {}, t(`state.${slug}.what`, values)),
    slug === 'cors' && corsHelp(context),
    PASSING.has(slug) && waiting(problem, context),
    h('div', { class: 'actions' }, actions(slug, context)),
    problem.requestId && h('p', { class: 'muted reference' }, t('state.reference'), ' ', h('code', {}, problem.requestId)));
}

function actions(slug, { texts: { t }, retry, signIn, signOut }) {
  const button = (words, action, kind = '') => h('button', { type: 'button', class: kind, onclick: action }, t(words));
  if (SIGN_IN.has(slug)) return [button('sign_in', signIn, 'primary')];
  if (OTHER_PERSON.has(slug)) return [button('retry', retry, 'primary'), button('sign_in.other', signOut)];
  return [button('retry', retry, 'primary')];
}

/** Counts down, then tries again. */
function waiting(problem, { texts: { t }, retry }) {
  const end = new Date(Date.now() + (problem.retryAfter ?? PAUSE) * 1000);
  const element = h('p', { class: 'muted waiting' },
    countdown(() => end, (words) => t('state.again', { words }), t('state.again.now')));
  setTimeout(() => element.isConnected && retry(), end - Date.now());
  return element;
}

/** Which setting lets the page in, as soon as that is loaded: few people ever need it. */
function corsHelp(context) {
  const help = h('div', {});
  import('./cors_help.js').then((module) => help.replaceWith(module.corsHelp(context)));
  return help;
}

/**
 * Tells a store that does not let this page in from one that is out of reach: browsers do not. MinIO leads a browser without a
 * credential to its own console, where this page may not follow, so the call looks signed.
 * @param {string} endpoint
 * @returns {Promise<{slug: string}>}
 */
export async function whyNoAnswer(endpoint) {
  const options = { mode: 'no-cors', cache: 'no-store', credentials: 'omit', referrerPolicy: 'no-referrer' };
  const url = new URL(endpoint);
  url.searchParams.set('X-Amz-Credential', 'none');
  const answers = await fetch(url, options).then(() => true, () => false);
  return { slug: answers ? 'cors' : 'store-unreachable', status: 0 };
}
