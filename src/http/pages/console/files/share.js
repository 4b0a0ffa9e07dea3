import { copyButton } from '../copy.js';
import { h } from '../dom.js';
import { linkTo } from '../link.js';
import { openDialog } from './dialog.js';
import { explain } from './explain.js';
import { duration, exactly } from './format.js';

const HOUR = 3600;
/** S3's limit of a link. */
const LONGEST = 7 * 24 * HOUR;
const CHOICES = [LONGEST, 12 * HOUR, HOUR, 15 * 60, 5 * 60];

/**
 * A link for somebody else, with its end in words, and the addresses for other tools. A file's link leads to a page that offers
 * it for download, a folder's is its address in this page, for those who may open the place.
 * @param {import('./view.js').Context} context
 * @param {import('./entry.js').Entry} entry
 */
export async function share({ store, renew, addressOf, t, announce }, entry) {
  // A fresh session makes the link last longest. Without one, it is what is left of this one.
  if (!entry.isFolder) await renew().catch(() => {});
  const folder = () => h('div', {}, copyable(t, announce, t('files.share.link'), new URL(addressOf(entry.path), document.baseURI).href),
    h('p', { class: 'muted' }, t('files.share.folder')));
  const direct = copyable(t, announce, t('files.share.direct'), '');
  const body = [entry.isFolder ? folder() : linkPart({ store, t, announce }, entry, direct)];
  const addresses = await store.addresses(entry.path).catch(() => null);
  if (addresses) {
    body.push(h('details', {}, h('summary', {}, t('files.share.addresses')),
      !entry.isFolder && direct,
      h('p', { class: 'muted' }, t('files.share.addresses.what')),
      copyable(t, announce, t('files.share.s3'), addresses.s3),
      copyable(t, announce, t('files.share.https'), addresses.https)));
  }
  await openDialog({ t, title: t('files.share.title', { name: entry.name }), body, className: 'files-share' }).closed;
}

/** The link and how long it works; `direct` is the one that leads past the page. */
function linkPart({ store, t, announce }, entry, direct) {
  const ends = h('p', { class: 'files-ends', 'aria-live': 'polite' });
  const link = copyable(t, announce, t('files.share.link'), '');
  const lasts = h('select', { id: 'files-lasts' });
  const make = async () => {
    try {
      const { url, ends: end } = await store.presign(entry.path, { seconds: Number(lasts.value), name: entry.name });
      link.querySelector('input').value = linkTo(url);
      direct.querySelector('input').value = url;
      ends.textContent = t('files.share.ends', { date: exactly(end), duration: duration((end - Date.now()) / 1000) });
    } catch (error) {
      ends.textContent = explain(error, t);
    }
  };
  const fill = async () => {
    const left = await store.secondsLeft();
    const offered = CHOICES.filter((seconds) => seconds < left);
    const option = (seconds, label) => h('option', { value: String(seconds) }, label);
    lasts.replaceChildren(option(LONGEST, t('files.share.longest', { duration: duration(Math.min(left, LONGEST)) })), ...offered.filter((seconds) => seconds !== LONGEST).map((seconds) => option(seconds, duration(seconds))));
    await make();
  };
  lasts.addEventListener('change', make);
  fill().catch((error) => (ends.textContent = explain(error, t)));
  return h('div', {}, link, ends,
    h('p', {}, h('label', { for: lasts.id }, t('files.share.lasts')), ' ', lasts),
    h('p', { class: 'muted' }, t('files.share.who')));
}

/** A line to copy, with its button. */
function copyable(t, announce, label, value) {
  const input = h('input', { type: 'text', readonly: true, 'aria-label': label, value });
  const button = copyButton(() => input.value, { t, announce });
  return h('div', { class: 'files-copyable' }, h('span', { class: 'files-copy-label' }, label), input, button);
}
