import { responseOf } from './transport.js';

/** How long an upload may stand still before its connection counts as lost. */
const STANDSTILL = 30_000;

/** How long the store may take to answer once all of it is sent: a proxy may still be passing it on. */
const ANSWER = 180_000;

/**
 * `fetch` with progress of the body, which only XMLHttpRequest tells.
 *
 * @param {string} url
 * @param {{method: string, headers: Headers, body: BodyInit, signal?: AbortSignal, onProgress: (bytes: number) => void}} request
 * @returns {Promise<Response>} rejects when there is no answer
 */
export function sendWithProgress(url, { method, headers, body, signal, onProgress }) {
  return new Promise((resolve, reject) => {
    // An abort while the request was signed.
    signal?.throwIfAborted();
    const xhr = new XMLHttpRequest();
    const abort = () => xhr.abort();
    let timer = setTimeout(abort, STANDSTILL);
    const allow = (time) => {
      clearTimeout(timer);
      timer = setTimeout(abort, time);
    };
    xhr.open(method, url);
    for (const [name, value] of headers) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = (event) => {
      allow(STANDSTILL);
      onProgress(event.loaded);
    };
    xhr.upload.onload = () => allow(ANSWER);
    xhr.onload = () => resolve(responseOf({ status: xhr.status, headers: headersOf(xhr) }, xhr.responseText));
    xhr.onerror = () => reject(new TypeError('no answer'));
    xhr.onabort = () => reject(new TypeError('ended'));
    xhr.onloadend = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    };
    signal?.addEventListener('abort', abort, { once: true });
    xhr.send(body);
  });
}

/** @param {XMLHttpRequest} xhr @returns {[string, string][]} */
function headersOf(xhr) {
  const lines = xhr.getAllResponseHeaders().trim().split(/\r\n/).filter(Boolean);
  return lines.map((line) => line.split(/: (.*)/s).slice(0, 2));
}
