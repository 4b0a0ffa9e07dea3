/**
 * Credentials in the words of each tool, as `POST /v1/credentials?format=` writes them. Made here, so that
 * they exist for workspaces too and no further session is opened.
 *
 * @type {Record<string, (credentials: object) => string>}
 */
export const TOOLS = {
  env: (given) => lines(
    `export AWS_ACCESS_KEY_ID='${given.accessKeyId}'`,
    `export AWS_SECRET_ACCESS_KEY='${given.secretAccessKey}'`,
    `export AWS_SESSION_TOKEN='${given.sessionToken}'`,
    `export AWS_CREDENTIAL_EXPIRATION='${given.expiration}'`,
    `export AWS_REGION='${given.region}'`,
    `export AWS_DEFAULT_REGION='${given.region}'`,
    `export AWS_ENDPOINT_URL_S3='${given.endpoint}'`,
    "export AWS_REQUEST_CHECKSUM_CALCULATION='when_required'",
    "export AWS_RESPONSE_CHECKSUM_VALIDATION='when_required'",
    `export BUCKET='${given.bucket}'`,
    given.prefix ? `export PREFIX='${given.prefix}'` : null,
  ),
  'aws-profile': (given) => lines(
    `# s3://${given.bucket}/${given.prefix}, until ${given.expiration}`,
    '[profile cloakroom]',
    `aws_access_key_id = ${given.accessKeyId}`,
    `aws_secret_access_key = ${given.secretAccessKey}`,
    `aws_session_token = ${given.sessionToken}`,
    `region = ${given.region}`,
    'services = cloakroom',
    'request_checksum_calculation = when_required',
    'response_checksum_validation = when_required',
    's3 =',
    `  addressing_style = ${given.pathStyle ? 'path' : 'auto'}`,
    '',
    '[services cloakroom]',
    's3 =',
    `  endpoint_url = ${given.endpoint}`,
  ),
  rclone: (given) => lines(
    `# cloakroom:${given.bucket}/${given.prefix}, until ${given.expiration}`,
    '[cloakroom]',
    'type = s3',
    'provider = Other',
    `access_key_id = ${given.accessKeyId}`,
    `secret_access_key = ${given.secretAccessKey}`,
    `session_token = ${given.sessionToken}`,
    `region = ${given.region}`,
    `endpoint = ${given.endpoint}`,
    `force_path_style = ${given.pathStyle}`,
    'no_check_bucket = true',
  ),
  s3cmd: (given) => lines(
    `# s3://${given.bucket}/${given.prefix}, until ${given.expiration}`,
    '[default]',
    `access_key = ${given.accessKeyId}`,
    `secret_key = ${given.secretAccessKey}`,
    `access_token = ${given.sessionToken}`,
    `bucket_location = ${given.region}`,
    `host_base = ${hostOf(given)}`,
    `host_bucket = ${given.pathStyle ? '' : '%(bucket)s.'}${hostOf(given)}`,
    `use_https = ${isHttps(given) ? 'True' : 'False'}`,
  ),
  duckdb: (given) => lines(
    `-- until ${given.expiration}`,
    'CREATE OR REPLACE SECRET cloakroom (',
    '    TYPE s3,',
    `    KEY_ID '${given.accessKeyId}',`,
    `    SECRET '${given.secretAccessKey}',`,
    `    SESSION_TOKEN '${given.sessionToken}',`,
    `    REGION '${given.region}',`,
    `    ENDPOINT '${hostOf(given)}',`,
    `    URL_STYLE '${given.pathStyle ? 'path' : 'vhost'}',`,
    `    USE_SSL ${isHttps(given)},`,
    `    SCOPE 's3://${given.bucket}'`,
    ');',
  ),
  iceberg: (given) => JSON.stringify({
    'storage-credentials': [{
      prefix: `s3://${given.bucket}/${given.prefix}`,
      config: {
        's3.access-key-id': given.accessKeyId,
        's3.secret-access-key': given.secretAccessKey,
        's3.session-token': given.sessionToken,
        's3.session-token-expires-at-ms': String(Date.parse(given.expiration)),
        's3.endpoint': given.endpoint,
        's3.path-style-access': String(given.pathStyle),
        'client.region': given.region,
      },
    }],
  }, null, 2),
  json: ({ bucket, prefix, endpoint, region, accessKeyId, secretAccessKey, sessionToken, expiration }) => JSON.stringify(
    { bucket, ...(prefix && { prefix }), endpoint, region, credentials: { accessKeyId, secretAccessKey, sessionToken, expiration } }, null, 2),
};

/** Tools whose settings hold a host and no path. */
const HOSTS_ONLY = new Set(['s3cmd', 'duckdb']);

/** @param {string} endpoint the store's @returns {string[]} the tools that can hold it */
export function toolsFor(endpoint) {
  const hasPath = new URL(endpoint).pathname !== '/';
  return Object.keys(TOOLS).filter((name) => !(hasPath && HOSTS_ONLY.has(name)));
}

function lines(...all) {
  return `${all.filter((line) => line !== null).join('\n')}\n`;
}

function hostOf({ endpoint }) {
  return new URL(endpoint).host;
}

function isHttps({ endpoint }) {
  return endpoint.startsWith('https:');
}
