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
   */
  constructor({ status, slug, detail = '', retryAfter = null, requestId = null }) {
    super(`${status} ${slug}`);
    this.name = 'Problem';
    this.status = status;
    this.slug = slug;
    this.detail = detail;
    this.retryAfter = retryAfter;
    this.requestId = requestId;
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
    });
  }
}

function slugOf(response, { type = '' }) {
  if (response.headers.get('www-authenticate')?.includes('error="insufficient_scope"')) return 'insufficient-scope';
  const last = String(type).split('/').pop();
  return SLUGS[last] ?? (last.replaceAll('_', '-') || `http-${response.status}`);
}
