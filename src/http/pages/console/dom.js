/**
 * Makes an element. Text stays text: nothing here reads HTML.
 *
 * `onclick` and its like are listeners, a boolean is an attribute that is there or not, `value` and
 * `checked` are properties, the rest are attributes. Children that are false, null or undefined are left
 * out, and lists are taken apart.
 *
 * @param {string} tag
 * @param {Record<string, unknown>} [props]
 * @param {...(Node | string | number | false | null | undefined | Array)} children
 * @returns {HTMLElement}
 */
export function h(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** The same for drawings. */
function svg(tag, props = {}, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), props, children);
}

const PROPERTIES = new Set(['value', 'checked', 'indeterminate', 'disabled']);

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined) continue;
    if (name.startsWith('on') && typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (PROPERTIES.has(name)) element[name] = value;
    else if (typeof value === 'boolean' && !name.startsWith('aria-')) element.toggleAttribute(name, value);
    else element.setAttribute(name, String(value));
  }
  const shown = children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
  element.append(...shown.map((child) => (child instanceof Node ? child : String(child))));
  return element;
}

/** The product's mark. @param {number} size in pixels */
export function mark(size) {
  return h('img', { src: new URL('design/mark.svg', import.meta.url).href, alt: '', width: size, height: size });
}

/** Paths of 24 by 24, drawn with a stroke. */
const PATHS = {
  person: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20.5c.6-3.6 3.6-5.5 7.5-5.5s6.900 1.900 7.500 5.500',
  group: 'M9 11.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7zM2.500 19.500c.5-3.200 3-5 6.500-5s6 1.800 6.500 5M16 4.800a3.500 3.500 0 0 1 0 6.400M18 14.900c1.900.7 3.100 2.300 3.500 4.600',
  key: 'M8 15.500a4 4 0 1 0 0-.01M11 12.500 19.500 4M16 7.500l2.500 2.500',
  chart: 'M4.500 20V10M12 20V4M19.500 20v-7',
  clock: 'M12 20.500a8.500 8.500 0 1 0 0-17 8.500 8.500 0 0 0 0 17zM12 7.500V12l3 2',
  folder: 'M3 6.500A1.500 1.500 0 0 1 4.500 5h4.600l2 2.500h8.400A1.500 1.500 0 0 1 21 9v8.500a1.500 1.500 0 0 1-1.500 1.500h-15A1.500 1.500 0 0 1 3 17.500z',
  lock: 'M6 11h12v9H6zM8.500 11V8a3.500 3.500 0 0 1 7 0v3',
  plug: 'M9 3v5M15 3v5M6.500 8h11v3a5.500 5.500 0 0 1-11 0zM12 16.500V21',
  alert: 'M12 4 2.500 20h19zM12 10v5M12 17.500h.01',
  check: 'M5 12.500l4.500 4.500L19 7.500',
  door: 'M14 4h5v16h-5M4 12h10M10.500 8 14.500 12l-4 4',
  file: 'M6 3h8l4.5 4.5V21H6zM14 3v5h4.5',
  image: 'M4 5h16v14H4zM4 16l5-5 4 4 2.5-2.5L20 17M15.5 9.2h.01',
  text: 'M6 3h8l4.5 4.5V21H6zM14 3v5h4.5M9 12.5h6M9 16h6',
  upload: 'M12 16V5M7.5 9.5 12 5l4.5 4.5M5 19h14',
  download: 'M12 5v11M7.5 11.5 12 16l4.5-4.5M5 19h14',
  link: 'M10 14a4 4 0 0 0 5.7 0l3-3a4 4 0 0 0-5.7-5.7l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3a4 4 0 0 0 5.7 5.7l1-1',
  rename: 'M4 20l1-4L16 5l3 3L8 19zM13.5 7.5l3 3',
  move: 'M3 6.5A1.5 1.5 0 0 1 4.5 5h4.6l2 2.5h8.4A1.5 1.5 0 0 1 21 9v8.5a1.5 1.5 0 0 1-1.5 1.5h-15A1.5 1.5 0 0 1 3 17.5zM9 13.5h6M12.5 11l2.5 2.5-2.5 2.5',
  trash: 'M4.5 7h15M9.5 7V4.5h5V7M6.5 7l1 13h9l1-13M10 11v5.5M14 11v5.5',
  up: 'M12 19V6M6.5 11.5 12 6l5.5 5.5',
  plus: 'M12 5v14M5 12h14',
  more: 'M5.500 12h.01M12 12h.01M18.500 12h.01',
  before: 'M14.500 6l-6 6 6 6',
  after: 'M9.500 6l6 6-6 6',
  close: 'M6 6l12 12M18 6 6 18',
  retry: 'M19 12a7 7 0 1 1-2.2-5.1M19 4v4h-4',
};

/** A drawing that says nothing to screen readers: the words stand beside it. @param {keyof typeof PATHS} name */
export function icon(name) {
  return svg('svg', { viewBox: '0 0 24 24', 'aria-hidden': 'true', class: `icon icon-${name}` }, svg('path', { d: PATHS[name] }));
}
