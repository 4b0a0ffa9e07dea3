/** How long an upload may stand still before its connection counts as lost. */
const STANDSTILL = 30_000;

/**
 * `fetch` with progress of the body, which only XMLHttpRequest tells.
 *
 * @param {string} url
 * @param {{method: string, headers: Headers, body: BodyInit, signal?: AbortSignal, onProgress: (bytes: number) => void}} request
 * @returns {Promise<Response>} rejects when there is no answer
 */
export function sendWithProgress(url, { method, headers, body, signal, onProgress }) {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    const abort = () => xhr.abort();
    let timer = setTimeout(abort, STANDSTILL);
    const moved = () => {
      clearTimeout(timer);
      timer = setTimeout(abort, STANDSTILL);
    };
    xhr.open(method, url);
    for (const [name, value] of headers) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = (event) => {
      moved();
      onProgress(event.loaded);
    };
    xhr.onload = () => resolve(responseOf(xhr));
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

/** @param {XMLHttpRequest} xhr @returns {Response} */
function responseOf(xhr) {
  const lines = xhr.getAllResponseHeaders().trim().split(/\r\n/).filter(Boolean);
  const headers = lines.map((line) => line.split(/: (.*)/s).slice(0, 2));
  const hasBody = ![204, 205, 304].includes(xhr.status);
  return new Response(hasBody ? xhr.responseText : null, { status: xhr.status, headers });
}
