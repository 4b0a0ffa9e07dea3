import { pause } from '../store/transport.js';

const LONGEST = 10_000;

/**
 * Waits for the network: until the browser says that it is back, and no longer than some seconds,
 * because the browser does not know of a store that is out of reach.
 * @param {number} times how often this has failed in a row
 * @param {AbortSignal} signal
 */
export async function untilBack(times, signal) {
  const back = new AbortController();
  const online = new Promise((resolve) => {
    addEventListener('online', resolve, { once: true, signal: back.signal });
  });
  try {
    await Promise.race([online, pause(Math.min(LONGEST, 1000 * 2 ** (times - 1)), signal)]);
  } finally {
    back.abort();
  }
}
