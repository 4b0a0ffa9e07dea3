/** The gateway's address: the console lies one level below it. */
const BASE = new URL('../', document.baseURI);

const PAGE = 100;

/** Calls of the gateway, as the person who has signed in. */
export class Gateway {
  #signIn;
  #pathStyle;

  /** @param {import('./sign_in.js').SignIn} signIn @param {{store: {path_style: boolean}}} settings */
  constructor(signIn, settings) {
    this.#signIn = signIn;
    this.#pathStyle = settings.store.path_style;
  }

  /** Everything that may be opened. @returns {Promise<object[]>} */
  storage() {
    return this.#all('v1/storage');
  }

  /** What was handed out lately, newest first. @returns {Promise<{items: object[], next: string | null}>} */
  sessions(after = null) {
    return this.#page('v1/storage/sessions', after);
  }

  /**
   * New credentials for a place.
   * @param {{kind: string, name: string | null}} place
   * @returns {Promise<object>} as `Session` gives them out
   */
  async credentials(place) {
    const answer = place.kind === 'workspace' ? this.#ofWorkspace(place) : this.#own();
    const { life, ...credentials } = await answer;
    return { ...credentials, access: place.access, pathStyle: this.#pathStyle, life };
  }

  /** Ends all of one's own sessions. @returns {Promise<{revoked: string, by: string}>} */
  async revoke() {
    return (await this.#call('v1/credentials/revoke', { method: 'POST' })).json();
  }

  async #own() {
    const response = await this.#call('v1/credentials', { method: 'POST' });
    const { bucket, endpoint, region, credentials } = await response.json();
    return { bucket, prefix: '', endpoint, region, ...credentials, life: lifeOf(response, credentials.expiration) };
  }

  async #ofWorkspace({ name }) {
    const [organisation, workspace] = name.split('/').map(encodeURIComponent);
    const response = await this.#call(`api/v1/org/${organisation}/ws/${workspace}/storage/credentials`);
    const answer = await response.json();
    return {
      bucket: answer.bucket,
      prefix: answer.prefix,
      endpoint: answer.endpoint,
      region: answer.region,
      accessKeyId: answer.access_key_id,
      secretAccessKey: answer.secret_access_key,
      sessionToken: answer.session_token,
      expiration: answer.expiration,
      life: lifeOf(response, answer.expiration),
    };
  }

  async #all(path) {
    const items = [];
    let next = null;
    do {
      const page = await this.#page(path, next);
      items.push(...page.items);
      next = page.next;
    } while (next);
    return items;
  }

  async #page(path, after) {
    const query = new URLSearchParams({ limit: String(PAGE), ...(after && { after }) });
    return (await this.#call(`${path}?${query}`)).json();
  }

  /** A token that the gateway no longer takes is renewed once. */
  async #call(path, init = {}) {
    const response = await this.#send(path, init, await this.#signIn.token());
    if (response.status !== 401) return checked(response);
    return checked(await this.#send(path, init, await this.#signIn.renewed()));
  }

  #send(path, init, token) {
    const headers = { authorization: `Bearer ${token}` };
    const options = { ...init, headers, cache: 'no-store', credentials: 'omit' };
    return fetch(new URL(path, BASE), options).catch(() => {
      throw Problem.unreachable();
    });
  }
}

async function checked(response) {
  if (!response.ok) throw await Problem.of(response);
  return response;
}

/** Milliseconds from now, by the gateway's clock: this machine's may be off. */
function lifeOf(response, expiration) {
  const sent = Date.parse(response.headers.get('date') ?? '');
  return Date.parse(expiration) - (Number.isNaN(sent) ? Date.now() : sent);
}

/** What the gateway refuses, whichever of its dialects it says it in. */

/** The workspace route has an envelope of its own; these are the slugs for the same causes. */
const SLUGS = {
  authentication_error: 'invalid-token',
  conflict: 'bucket-conflict',
  bad_gateway: 'storage-unavailable',
  gateway_timeout: 'storage-unavailable',
  service_unavailable: 'overloaded',
  permission_denied: 'storage-not-entitled',
};

export class Problem extends Error {
  /**
   * @param {object} what
   * @param {number} what.status 0 if there was no answer
   * @param {string} what.slug the end of the problem's `type`
   * @param {string} [what.detail] the gateway's own words
   * @param {number | null} [what.retryAfter] seconds
   * @param {string | null} [what.requestId]
   * @param {string | null} [what.scope] what the token lacks
   */
  constructor({ status, slug, detail = '', retryAfter = null, requestId = null, scope = null }) {
    super(`${status} ${slug}`);
    this.name = 'Problem';
    this.status = status;
    this.slug = slug;
    this.detail = detail;
    this.retryAfter = retryAfter;
    this.requestId = requestId;
    this.scope = scope;
  }

  /** No answer at all: the network, or a gateway that is down. */
  static unreachable() {
    return new Problem({ status: 0, slug: 'unreachable' });
  }

  /** @param {Response} response @returns {Promise<Problem>} */
  static async of(response) {
    const body = await response.json().catch(() => ({}));
    const seconds = Number.parseInt(response.headers.get('retry-after') ?? '', 10);
    return new Problem({
      status: response.status,
      slug: slugOf(response, body),
      detail: typeof body.detail === 'string' ? body.detail : '',
      retryAfter: Number.isFinite(seconds) ? seconds : null,
      requestId: response.headers.get('x-request-id'),
      scope: /scope="([^"]+)"/.exec(response.headers.get('www-authenticate') ?? '')?.[1] ?? null,
    });
  }
}

function slugOf(response, { type = '' }) {
  if (response.headers.get('www-authenticate')?.includes('error="insufficient_scope"')) return 'insufficient-scope';
  const last = String(type).split('/').pop();
  return SLUGS[last] ?? (last.replaceAll('_', '-') || `http-${response.status}`);
}
