import { h } from '../dom.js';

/** How far it stays from the window's edges, in pixels. */
const EDGE = 8;

/**
 * Offers beside a row what the bar for the selection offers.
 * @param {import('./view.js').Context} _
 * @param {{host: HTMLElement, at: {x: number, y: number}, label: string, buttons: HTMLButtonElement[]}} options `buttons` do it
 */
export function rowMenu(_, { host, at, label, buttons }) {
  const items = buttons.map((button) => {
    const item = button.cloneNode(true);
    item.setAttribute('role', 'menuitem');
    item.tabIndex = -1;
    item.addEventListener('click', () => {
      // First, so that the focus comes back to the row and not to this.
      menu.hidePopover();
      button.click();
    });
    return item;
  });
  const menu = h('div', { class: 'menu files-menu', role: 'menu', popover: 'auto', 'aria-label': label }, items);
  menu.addEventListener('toggle', ({ newState }) => newState === 'closed' && menu.remove());
  menu.addEventListener('keydown', (event) => walk(items, event));
  host.append(menu);
  menu.showPopover();
  const { width, height } = menu.getBoundingClientRect();
  const { clientWidth, clientHeight } = document.documentElement;
  menu.style.left = `${Math.max(EDGE, Math.min(at.x, clientWidth - width - EDGE))}px`;
  menu.style.top = `${Math.max(EDGE, Math.min(at.y, clientHeight - height - EDGE))}px`;
  items[0].focus();
}

function walk(items, event) {
  const index = items.indexOf(document.activeElement);
  const targets = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: -1 };
  if (event.key === 'Tab') event.currentTarget.hidePopover();
  if (!(event.key in targets)) return;
  event.preventDefault();
  items.at(targets[event.key] % items.length).focus();
}
