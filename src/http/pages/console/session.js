/** A longer wait makes `setTimeout` fire at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Credentials that end sooner than this are not used any more. */
const MARGIN = 10_000;

/** After a failed renewal, the next one waits this long while the credentials still work. */
const PAUSE = 5_000;

/**
 * Credentials to one place, always fresh: they are renewed at half their life, by one call at a time.
 *
 * Emits `renewed`, `failed` (with the `Problem` as its detail) and `ended`.
 */
export class Session extends EventTarget {
  #gateway;
  #current = null;
  #renewing = null;
  #timer = 0;
  #notBefore = 0;
  #isClosed = false;
  #keys = new Set();
  /** How often there were new credentials. */
  renewals = 0;

  /** @param {import('./gateway.js').Gateway} gateway @param {object} place an item of `GET /v1/storage` */
  constructor(gateway, place) {
    super();
    this.#gateway = gateway;
    this.place = place;
    this.onVisible = () => document.visibilityState === 'visible' && this.#current && this.credentials().catch(() => {});
    document.addEventListener('visibilitychange', this.onVisible);
  }

  /**
   * @returns {Promise<{bucket: string, prefix: string, region: string, endpoint: string, access: string,
   *   accessKeyId: string, secretAccessKey: string, sessionToken: string, expiration: string}>}
   * @throws {import('./gateway.js').Problem}
   */
  async credentials() {
    if (this.#isFresh()) return this.#current;
    try {
      return await this.renew();
    } catch (problem) {
      if (this.#works()) return this.#current;
      throw problem;
    }
  }

  /** Renews, because the store no longer takes the credentials that were used. @param {object} [used] */
  async expired(used) {
    if (used && this.#current && used.accessKeyId !== this.#current.accessKeyId) return;
    await this.renew();
  }

  /** New credentials now. Callers at the same time get the same ones. */
  renew() {
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  }

  /** When the credentials end, by this machine's clock; null before there are any. @returns {Date | null} */
  get end() {
    return this.#current && new Date(this.#current.end);
  }

  /** @param {string} accessKeyId @returns {boolean} whether this session has or had it */
  had(accessKeyId) {
    return this.#keys.has(accessKeyId);
  }

  /** Forgets the credentials. */
  close() {
    this.#isClosed = true;
    this.#current = null;
    clearTimeout(this.#timer);
    document.removeEventListener('visibilitychange', this.onVisible);
    this.dispatchEvent(new Event('ended'));
  }

  async #renew() {
    try {
      const { life, ...credentials } = await this.#gateway.credentials(this.place);
      if (this.#isClosed) return credentials;
      const now = Date.now();
      this.#current = { ...credentials, half: now + life / 2, end: now + life };
      this.#notBefore = 0;
      this.#wait(life / 2);
      this.renewals += 1;
      this.#keys.add(credentials.accessKeyId);
      this.dispatchEvent(new Event('renewed'));
      return this.#current;
    } catch (problem) {
      this.#notBefore = Date.now() + (problem.retryAfter * 1000 || PAUSE);
      this.#wait(this.#notBefore - Date.now());
      this.dispatchEvent(new CustomEvent('failed', { detail: problem }));
      throw problem;
    }
  }

  /** A page in the background renews when it is looked at, or when it needs credentials. */
  #wait(milliseconds) {
    clearTimeout(this.#timer);
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => {
      if (document.visibilityState === 'visible') this.credentials().catch(() => {});
    }, Math.min(milliseconds, LONGEST_TIMER));
  }

  #isFresh() {
    if (!this.#current) return false;
    const now = Date.now();
    return now < this.#current.half || (now < this.#notBefore && this.#works());
  }

  #works() {
    const { end, half } = this.#current ?? { end: 0, half: 0 };
    return Date.now() < end - Math.min(MARGIN, (end - half) / 2);
  }
}
