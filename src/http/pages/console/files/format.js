/** Sizes, dates and durations the way people say them, in the page's language. */

const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte', 'petabyte'];
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const made = new Map();

/** A formatter of `Intl`, made once for each language: making one costs more than many uses. */
function formatter(kind, options) {
  const language = document.documentElement.lang || 'en';
  const key = `${language} ${kind} ${JSON.stringify(options)}`;
  if (!made.has(key)) made.set(key, new Intl[kind](language, options));
  return made.get(key);
}

const unit = (value, name, options) => formatter('NumberFormat', { style: 'unit', unit: name, ...options }).format(value);

/** @param {number} value @returns {string} such as `1,234` */
export function number(value) {
  return formatter('NumberFormat', {}).format(value);
}

/** @param {number} bytes @returns {string} such as `1.2 MB` */
export function size(bytes) {
  const step = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(bytes, 1)) / 3));
  const digits = step === 0 ? 0 : 1;
  return unit(bytes / 1000 ** step, UNITS[step], { unitDisplay: step === 0 ? 'long' : 'short', maximumFractionDigits: digits });
}

/** @param {number} seconds @returns {string} such as `3 minutes` */
export function duration(seconds) {
  const say = (value, name) => unit(Math.max(1, Math.round(value)), name, { unitDisplay: 'long' });
  if (seconds < 100) return say(seconds, 'second');
  return seconds < 2 * HOUR ? say(seconds / MINUTE, 'minute') : say(seconds / HOUR, 'hour');
}

/**
 * @param {Date} date
 * @param {Date} [now]
 * @returns {string} such as `5 minutes ago`, `yesterday, 14:05` or `3 Mar 2024`
 */
export function when(date, now = new Date()) {
  const seconds = (now - date) / 1000;
  const relative = formatter('RelativeTimeFormat', { numeric: 'auto' });
  if (seconds >= 0 && seconds < HOUR) {
    return seconds < MINUTE ? relative.format(0, 'second') : relative.format(-Math.floor(seconds / MINUTE), 'minute');
  }
  const days = Math.round((midnight(now) - midnight(date)) / DAY / 1000);
  if (days === 0 || days === 1) return `${relative.format(-days, 'day')}, ${time(date)}`;
  const year = date.getFullYear() === now.getFullYear() ? undefined : 'numeric';
  return formatter('DateTimeFormat', { day: 'numeric', month: 'short', year }).format(date);
}

/** @param {Date} date @returns {string} all of it, for a tooltip and the end of a link */
export function exactly(date) {
  return formatter('DateTimeFormat', { dateStyle: 'full', timeStyle: 'short' }).format(date);
}

function time(date) {
  return formatter('DateTimeFormat', { hour: '2-digit', minute: '2-digit' }).format(date);
}

function midnight(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate());
}
