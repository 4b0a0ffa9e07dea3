import { h, icon } from './dom.js';

/**
 * The part of the address that stands for a place.
 * @param {{kind: string, name: string | null}} place
 */
export function pathOf(place) {
  return place.kind === 'own' ? 'own' : `${place.kind}/${place.name}`;
}

/** The views of a place, with their drawings. */
export const VIEWS = { files: 'folder', usage: 'chart', credentials: 'key' };

/** The view that belongs to the person, not to a place. */
export const SESSIONS = 'sessions';

/**
 * The address of a view of a place, or of a folder among its files.
 * @param {{kind: string, name: string | null}} place
 * @param {string} [view]
 * @param {string} [folder] ends in `/`; empty for the root
 */
export function addressOf(place, view = 'files', folder = '') {
  const steps = folder.split('/').map(encodeURIComponent).join('/');
  return `#/${pathOf(place)}/${view}${steps && `/${steps}`}`;
}

/**
 * What an address asks for: the first place's files if nothing.
 * @param {string} hash
 * @param {object[]} places
 * @returns {{place: object | null, view: string | null, folder: string}} without a place and a view if nothing here has it
 */
export function routeOf(hash, places) {
  if (hash === `#/${SESSIONS}`) return { place: null, view: SESSIONS, folder: '' };
  if (['', '#', '#/'].includes(hash)) return { place: places[0], view: 'files', folder: '' };
  const place = places.find((one) => `${hash}/`.startsWith(`#/${pathOf(one)}/`));
  if (!place) return { place: null, view: null, folder: '' };
  const [view, ...steps] = hash.slice(`#/${pathOf(place)}/`.length).split('/');
  if (view !== 'files' && Object.hasOwn(VIEWS, view)) return { place, view, folder: '' };
  return { place, view: 'files', folder: steps.map(decoded).join('/').replace(/[^/]$/, '$&/') };
}

/** A step that somebody typed need not be encoded. */
function decoded(step) {
  try {
    return decodeURIComponent(step);
  } catch {
    return step;
  }
}

/** @param {{kind: string, name: string | null}} place @param {(key: string) => string} t */
export function nameOf(place, t) {
  return place.name ?? t('place.own');
}

/**
 * What may be opened, as links.
 * @param {object[]} places
 * @param {object} current
 * @param {(key: string) => string} t
 */
export function placeList(places, current, t) {
  return h('ul', { class: 'places' }, places.map((place) => h('li', {},
    h('a', { href: addressOf(place), 'aria-current': place === current ? 'true' : null },
      icon(place.kind === 'own' ? 'person' : 'group'),
      h('span', { class: 'name' }, breakable(nameOf(place, t))),
      place.access === 'read' && h('span', { class: 'badge' }, t('place.readOnly'))))));
}

/** A workspace's name breaks after its organisation, where it has to. */
function breakable(name) {
  const [first, ...rest] = name.split('/');
  return [first, ...rest.map((part) => ['/', h('wbr'), part])];
}
