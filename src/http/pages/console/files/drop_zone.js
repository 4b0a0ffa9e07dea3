import { h } from '../dom.js';
import { droppedFiles } from './dropped.js';

/**
 * Takes files that are dropped anywhere on the view.
 * @param {HTMLElement} element
 * @param {import('./view.js').Context} context
 * @param {(chosen: Promise<import('./dropped.js').Chosen[]>) => void} take called at once: what is shown may change
 *   before all is read
 */
export function dropZone(element, { canWrite, t, announce }, take) {
  const words = h('div', { class: 'files-drop', hidden: true }, h('p', {}, t(canWrite ? 'files.drop' : 'files.drop.readOnly')));
  element.append(words);
  // `dragleave` also comes for every child.
  let depth = 0;
  const show = (change) => {
    depth = Math.max(0, depth + change);
    words.hidden = depth === 0;
  };
  const hasFiles = (event) => event.dataTransfer?.types.includes('Files');
  element.addEventListener('dragenter', (event) => hasFiles(event) && show(1));
  element.addEventListener('dragleave', (event) => hasFiles(event) && show(-1));
  element.addEventListener('dragover', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = canWrite ? 'copy' : 'none';
  });
  element.addEventListener('drop', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    words.hidden = true;
    if (canWrite) take(readable(droppedFiles(event.dataTransfer)));
    else announce(t('files.drop.readOnly'), 'problem');
  });
  const readable = async (dropped) => {
    const { chosen, unreadable } = await dropped;
    if (unreadable > 0) announce(t('files.drop.unreadable', { count: unreadable }), 'problem');
    return chosen;
  };
}
