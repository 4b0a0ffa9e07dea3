import { h } from './dom.js';
import { duration, exactly } from './files/format.js';

/**
 * Words that follow the clock, such as "Ends in 42 minutes", for as long as the element is in the page.
 * They are not read aloud at each change.
 *
 * @param {() => Date | null} end
 * @param {(words: string, seconds: number) => string} say
 * @param {string} over what it says after the end
 */
export function countdown(end, say, over) {
  const element = h('time', { class: 'countdown' });
  const tick = () => {
    const at = end();
    const seconds = at ? (at - Date.now()) / 1000 : 0;
    element.textContent = seconds > 0 ? say(duration(seconds), seconds) : over;
    if (!at) return 1000;
    element.setAttribute('datetime', at.toISOString());
    element.title = exactly(at);
    return seconds > 180 ? 5000 : 250;
  };
  follow(element, tick);
  return element;
}

/** Runs `tick` while the element is in the page; it says how many milliseconds to wait. */
export function follow(element, tick) {
  const again = (isFirst) => {
    if (!isFirst && !element.isConnected) return;
    setTimeout(again, tick(), false);
  };
  again(true);
}
