import { h } from '../dom.js';

/** @param {{session: object, place: object, texts: object, announce: Function}} options @returns {HTMLElement} */
export function filesView({ place }) {
  return h('section', { class: 'files' }, h('p', {}, place.bucket ?? ''));
}
