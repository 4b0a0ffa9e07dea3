import { Problem } from './gateway.js';

/** The values of a sign-in under way, between leaving this page and coming back. They work once. */
const UNDER_WAY = 'cloakroom.sign-in';

/** Says that this tab was signed in, so that a reload signs in again; no secret. */
const SIGNED_IN = 'cloakroom.signed-in';

/** Where another window of this page hands over the authorization server's answer. */
const CHANNEL = 'cloakroom.sign-in';

/** How long that window waits for the page that asked, in milliseconds. */
const HANDING_OVER = 1_000;

/** How long before its end a token is renewed, in milliseconds; at most half its life. */
const AHEAD = 60_000;

/** A longer wait makes `setTimeout` fire at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Where the authorization server sends people back to. */
const HERE = new URL('./', document.baseURI).href;

/**
 * Signs in by authorization code with PKCE (RFC 7636) and keeps the tokens in memory, nowhere else.
 *
 * Emits `ended` when the sign-in cannot be renewed.
 */
export class SignIn extends EventTarget {
  #settings;
  #tokens = null;
  /** Who has signed in, by the ID token; nobody else goes on in their page. */
  #person = null;
  #channel = null;
  #renewing = null;
  #timer = 0;
  /** Signed out meanwhile, an answer that is on its way is not kept. */
  #signOuts = 0;

  /** @param {object} settings of `settings.json` */
  constructor(settings) {
    super();
    this.#settings = settings;
  }

  get isSignedIn() {
    return this.#tokens !== null;
  }

  /** What to call the person, from the ID token; null without one. @returns {string | null} */
  get name() {
    return this.#tokens?.name ?? null;
  }

  /** Whether this page was reloaded by somebody who was signed in. */
  get wasSignedIn() {
    return sessionStorage.getItem(SIGNED_IN) !== null;
  }

  /** Whether another sign-in can leave this page as it is. */
  get keepsPage() {
    return this.#person !== null;
  }

  /** Leaves for the authorization server. The folder that was open opens again afterwards. */
  async begin() {
    const question = { state: random(), nonce: random(), verifier: random() };
    const url = await this.#authorization(question);
    sessionStorage.setItem(UNDER_WAY, JSON.stringify({ ...question, hash: location.hash }));
    location.assign(url);
  }

  /**
   * Signs in again in another window, so that this page keeps what only it has: files on their way, and where one was.
   * @returns {Promise<boolean>} false if the browser opens no window
   * @throws {Problem} as `complete` does, and `sign-in-other` if it was another person
   */
  async again() {
    const question = { state: random(), nonce: random(), verifier: random() };
    const url = await this.#authorization(question);
    this.#channel?.close();
    const channel = this.#channel = new BroadcastChannel(CHANNEL);
    const answer = new Promise((resolve) => {
      channel.onmessage = ({ data }) => {
        const given = new URLSearchParams(data);
        if (given.get('state') !== question.state) return;
        channel.postMessage({ taken: question.state });
        resolve(given);
      };
    });
    if (!open(url, '_blank', 'popup,width=520,height=720')) return false;
    await this.#redeem(await answer, question);
    channel.close();
    return true;
  }

  /** Where the authorization server asks. */
  async #authorization({ state, nonce, verifier }) {
    const { sign_in: at, client_id: client, scope } = this.#settings;
    if (!at) throw new Problem({ status: 0, slug: 'identification-unavailable' });
    const url = new URL(at.authorization);
    const parameters = {
      response_type: 'code',
      client_id: client,
      redirect_uri: HERE,
      scope,
      state,
      nonce,
      code_challenge: await challenge(verifier),
      code_challenge_method: 'S256',
    };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return url;
  }

  /**
   * Takes the authorization server's answer out of the address, if there is one.
   * @returns {Promise<boolean>} whether somebody has signed in
   * @throws {Problem} `sign-in-refused`, `sign-in-interrupted`, `unreachable`
   */
  async complete() {
    const answer = new URLSearchParams(location.search);
    const kept = JSON.parse(sessionStorage.getItem(UNDER_WAY) ?? 'null');
    if (!answer.has('state')) return false;
    sessionStorage.removeItem(UNDER_WAY);
    sessionStorage.removeItem(SIGNED_IN);
    history.replaceState(null, '', HERE + (kept?.hash ?? ''));
    if (!kept || answer.get('state') !== kept.state) throw refused('sign-in-interrupted');
    await this.#redeem(answer, kept);
    sessionStorage.setItem(SIGNED_IN, 'yes');
    return true;
  }

  /** Exchanges the answer to a question of this page for tokens. */
  async #redeem(answer, { nonce, verifier }) {
    const issuer = answer.get('iss');
    if (issuer !== null && issuer !== this.#settings.issuer) throw refused('sign-in-interrupted');
    if (!answer.has('code')) throw refused(answer.get('error') === 'invalid_scope' ? 'insufficient-scope' : 'sign-in-refused');
    await this.#ask({ grant_type: 'authorization_code', code: answer.get('code'), redirect_uri: HERE, code_verifier: verifier }, nonce);
  }

  /** An access token that the gateway takes. @returns {Promise<string>} */
  async token() {
    if (!this.#tokens) throw refused('signed-out');
    if (Date.now() >= this.#tokens.renewAt && this.#tokens.refresh) return this.renewed();
    return this.#tokens.access;
  }

  /** A new access token. Callers at the same time get the same one. @returns {Promise<string>} */
  renewed() {
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  }

  /**
   * Forgets the tokens, revokes them (RFC 7009) and ends the authorization server's session where it has
   * these endpoints.
   * @returns {Promise<boolean>} whether the browser leaves this page
   */
  async end() {
    const { sign_in: at, client_id: client } = this.#settings;
    this.#signOuts += 1;
    const tokens = this.#forget();
    sessionStorage.removeItem(SIGNED_IN);
    this.#person = null;
    if (tokens) await this.#revoke(tokens.refresh, tokens.access);
    if (!at?.end_session) return false;
    const url = new URL(at.end_session);
    url.searchParams.set('client_id', client);
    url.searchParams.set('post_logout_redirect_uri', HERE);
    location.assign(url);
    return true;
  }

  async #revoke(...tokens) {
    const { sign_in: at, client_id: client } = this.#settings;
    if (!at?.revocation) return;
    const revoke = (token) => post(at.revocation, { token, client_id: client }).catch(() => {});
    await Promise.all(tokens.filter(Boolean).map(revoke));
  }

  async #renew() {
    const { refresh } = this.#tokens ?? {};
    if (!refresh) return this.#lost();
    try {
      await this.#ask({ grant_type: 'refresh_token', refresh_token: refresh }, null);
    } catch (problem) {
      if (problem.slug === 'unreachable') throw problem;
      return this.#lost();
    }
    return this.#tokens.access;
  }

  #lost() {
    this.#forget();
    this.dispatchEvent(new Event('ended'));
    throw refused('signed-out');
  }

  #forget() {
    const tokens = this.#tokens;
    clearTimeout(this.#timer);
    this.#tokens = null;
    return tokens;
  }

  async #ask(form, nonce) {
    const { sign_in: at, client_id: client } = this.#settings;
    const signOuts = this.#signOuts;
    const response = await post(at.token, { ...form, client_id: client }).catch(() => {
      throw Problem.unreachable();
    });
    if (response.status >= 500 || response.status === 429) throw Problem.unreachable();
    const answer = await response.json().catch(() => ({}));
    if (!response.ok || !answer.access_token) throw refused('sign-in-refused');
    // The ID token came from the token endpoint itself, so its signature says nothing more (OpenID Connect Core 3.1.3.7).
    const claims = answer.id_token ? claimsOf(answer.id_token) : null;
    const isOther = claims && this.#person !== null && claims.sub !== this.#person;
    if (isOther || signOuts !== this.#signOuts) {
      await this.#revoke(answer.refresh_token, answer.access_token);
      throw refused(isOther ? 'sign-in-other' : 'signed-out');
    }
    if (nonce && claims && claims.nonce !== nonce) throw refused('sign-in-interrupted');
    this.#keep(answer, claims);
  }

  #keep(answer, claims) {
    this.#person ??= claims?.sub ?? null;
    const life = (answer.expires_in ?? 300) * 1000;
    this.#tokens = {
      access: answer.access_token,
      refresh: answer.refresh_token ?? this.#tokens?.refresh ?? null,
      renewAt: Date.now() + life - Math.min(AHEAD, life / 2),
      name: claims?.preferred_username ?? claims?.name ?? claims?.email ?? claims?.sub ?? this.#tokens?.name ?? null,
    };
    clearTimeout(this.#timer);
    const wait = Math.min(this.#tokens.renewAt - Date.now(), LONGEST_TIMER);
    if (this.#tokens.refresh) this.#timer = setTimeout(() => this.token().catch(() => {}), wait);
  }
}

/**
 * In a window that `again` has opened: gives the authorization server's answer to the page that asked for it. Only that page has
 * the verifier, without which the answer is worth nothing.
 * @returns {Promise<boolean>} false if no page takes it
 */
export async function handOver() {
  const answer = location.search;
  const state = new URLSearchParams(answer).get('state');
  const kept = JSON.parse(sessionStorage.getItem(UNDER_WAY) ?? 'null');
  if (state === null || state === kept?.state) return false;
  const channel = new BroadcastChannel(CHANNEL);
  const taken = new Promise((resolve) => {
    channel.onmessage = ({ data }) => data.taken === state && resolve(true);
    setTimeout(resolve, HANDING_OVER, false);
  });
  channel.postMessage(answer);
  return taken.finally(() => channel.close());
}

function refused(slug) {
  return new Problem({ status: 0, slug });
}

function post(url, form) {
  return fetch(url, { method: 'POST', body: new URLSearchParams(form), credentials: 'omit', cache: 'no-store' });
}

function random() {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

async function challenge(verifier) {
  return base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))));
}

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

function claimsOf(token) {
  const part = token.split('.')[1] ?? '';
  const bytes = Uint8Array.from(atob(part.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}
