import { svg } from './dom.js';

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
};

/** A drawing that says nothing to screen readers: the words stand beside it. @param {keyof typeof PATHS} name */
export function icon(name) {
  return svg('svg', { viewBox: '0 0 24 24', 'aria-hidden': 'true', class: 'icon' }, svg('path', { d: PATHS[name] }));
}
