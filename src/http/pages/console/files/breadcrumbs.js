import { h } from '../dom.js';

/**
 * The way from the root of the storage to a folder.
 * @param {string} path
 * @param {string} root the root's name
 * @param {(path: string) => void} go
 * @param {(key: string, values?: object) => string} t
 * @returns {HTMLElement}
 */
export function breadcrumbs(path, root, go, t) {
  const names = path.split('/').slice(0, -1);
  const paths = names.map((_, index) => `${names.slice(0, index + 1).join('/')}/`);
  const crumbs = [[root, ''], ...names.map((name, index) => [name || t('files.noName'), paths[index]])];
  const items = crumbs.map(([name, to], index) => {
    const isHere = index === crumbs.length - 1;
    const button = h('button', { type: 'button', class: 'quiet', onclick: () => go(to) }, name);
    if (isHere) button.setAttribute('aria-current', 'page');
    return h('li', {}, button);
  });
  // At the root, the name of the place stands above already.
  return h('nav', { class: 'files-crumbs', hidden: path === '', 'aria-label': t('files.crumbs') }, h('ol', {}, ...items));
}
