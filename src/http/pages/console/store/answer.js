import { decodeKey } from './address.js';

/**
 * @typedef {{path: string, size: number, modified: Date, etag: string}} ObjectEntry
 * @typedef {{folders: string[], objects: ObjectEntry[], next: string | null}} Page
 */

/**
 * One answer of ListObjectsV2.
 * @param {string} text
 * @param {string} prefix what the session's keys begin with; left out of the paths
 * @returns {Page} folders end in `/`
 */
export function readPage(text, prefix) {
  const root = parse(text);
  // A store that does not know `encoding-type` leaves the element out.
  const decode = textOf(root, 'EncodingType') === 'url' ? decodeKey : (key) => key;
  const path = (key) => decode(key).slice(prefix.length);
  const page = { folders: [], objects: [], next: null };
  for (const element of root.children) {
    if (element.name === 'Contents') page.objects.push(readObject(element, path));
    if (element.name === 'CommonPrefixes') page.folders.push(path(textOf(element, 'Prefix')));
  }
  const isTruncated = textOf(root, 'IsTruncated') === 'true';
  page.next = (isTruncated && textOf(root, 'NextContinuationToken')) || null;
  return page;
}

/** @returns {ObjectEntry} */
function readObject(element, path) {
  return {
    path: path(textOf(element, 'Key')),
    size: Number(textOf(element, 'Size')),
    modified: new Date(textOf(element, 'LastModified')),
    etag: textOf(element, 'ETag'),
  };
}

/**
 * An element of an S3 answer. Attributes are left out: S3's answers say nothing in them.
 * @typedef {{name: string, children: Element[], text: string}} Element
 */

const ENTITIES = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };
/** A tag, with what makes it an end or an empty one; or what is skipped; or text. */
const TOKEN = /<(\/?)([A-Za-z_][\w.:-]*)(?:\s[^<>]*?)?(\/?)>|<[?!][^>]*>|([^<]+)/g;

/**
 * Reads an S3 answer. The console's Trusted Types allow no `DOMParser`, and an answer needs no more than
 * this: elements and text.
 * @param {string} source
 * @returns {Element} the root
 */
export function parse(source) {
  const document = { name: '', children: [], text: '' };
  const open = [document];
  for (const [, end, name, empty, text] of source.matchAll(TOKEN)) {
    const current = open[open.length - 1];
    if (text !== undefined) current.text += text;
    else if (end && open.length > 1) close(open.pop());
    else if (name && !end) {
      const element = { name: name.replace(/^.*:/, ''), children: [], text: '' };
      current.children.push(element);
      if (!empty) open.push(element);
    }
  }
  return document.children[0] ?? document;
}

/**
 * The text of the first child of this name; empty if there is none.
 * @param {Element} parent
 * @param {string} name
 */
export function textOf(parent, name) {
  return parent.children.find((child) => child.name === name)?.text ?? '';
}

/** @param {string} text @returns {string} the text, to stand in an element */
export function escape(text) {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/**
 * S3's error code in a body, which may as well be a proxy's page.
 * @param {string} text
 */
export function errorCode(text) {
  return /<Error(?:\s[^>]*)?>[^]*?<Code>([A-Za-z0-9]{1,64})<\/Code>/.exec(text)?.[1] ?? '';
}

/** An element's text is complete at its end. */
function close(element) {
  element.text = element.text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (all, hex, decimal, name) => {
    if (name) return ENTITIES[name] ?? all;
    const code = parseInt(hex ?? decimal, hex ? 16 : 10);
    return code <= 0x10ffff ? String.fromCodePoint(code) : all;
  });
}
