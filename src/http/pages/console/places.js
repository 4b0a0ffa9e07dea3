import { h, icon } from './dom.js';

/**
 * The part of the address that stands for a place.
 * @param {{kind: string, name: string | null}} place
 */
export function pathOf(place) {
  return place.kind === 'own' ? 'own' : `${place.kind}/${place.name}`;
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
    h('a', { href: `#/${pathOf(place)}/files`, 'aria-current': place === current ? 'true' : null },
      icon(place.kind === 'own' ? 'person' : 'group'),
      h('span', { class: 'name' }, breakable(nameOf(place, t))),
      place.access === 'read' && h('span', { class: 'badge' }, t('place.readOnly'))))));
}

/** A workspace's name breaks after its organisation, where it has to. */
function breakable(name) {
  const [first, ...rest] = name.split('/');
  return [first, ...rest.map((part) => ['/', h('wbr'), part])];
}
