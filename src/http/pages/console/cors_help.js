import { codeBlock } from './copy.js';
import { h } from './dom.js';

/**
 * What the operators of a store set, so that it lets this page in. Each engine has another setting.
 * @param {object} context as `stateView` has it
 */
export function corsHelp({ texts: { t }, settings, announce }) {
  const { engine } = settings.store;
  const isGlobal = engine === 'minio';
  const lines = isGlobal
    ? `MINIO_API_CORS_ALLOW_ORIGIN=${location.origin}`
    : `[buckets]\ncors_origins = ["${location.origin}"]`;
  return h('details', { class: 'card operators', open: true },
    h('summary', {}, t('state.cors.operators')),
    h('p', {}, t(isGlobal ? 'state.cors.minio' : 'state.cors.bucket', { engine, url: settings.public_url })),
    codeBlock(lines, { t, announce }));
}
