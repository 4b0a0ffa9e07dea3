import { h, icon } from '../dom.js';

let count = 0;

/**
 * Opens a modal dialog. The browser keeps the focus inside, closes it by Escape and gives the focus back.
 *
 * @param {object} options
 * @param {(key: string, values?: object) => string} options.t
 * @param {string} options.title
 * @param {(Node | string)[]} options.body
 * @param {HTMLElement[]} [options.actions] the buttons below
 * @param {string} [options.className]
 * @returns {{element: HTMLDialogElement, close: () => void, closed: Promise<void>}}
 */
export function openDialog({ t, title, body, actions = [], className = '' }) {
  const id = `files-dialog-${(count += 1)}`;
  const close = h('button', { type: 'button', class: 'quiet files-close', 'aria-label': t('files.close') }, icon('close'));
  const element = h('dialog', { class: `files-dialog ${className}`, 'aria-labelledby': id },
    h('div', { class: 'files-dialog-head' }, h('h2', { id }, title), close),
    h('div', { class: 'files-dialog-body' }, ...body),
    actions.length > 0 && h('div', { class: 'files-dialog-foot' }, ...actions));
  close.addEventListener('click', () => element.close());
  const closed = new Promise((resolve) => {
    element.addEventListener('close', () => {
      element.remove();
      resolve();
    });
  });
  document.body.append(element);
  element.showModal();
  return { element, close: () => element.close(), closed };
}

/**
 * A dialog with one form. Stays open while `submit` runs and when it returns a message to show. Before something that
 * cannot be undone, the focus is on Cancel: who types ahead changes nothing.
 *
 * @param {object} options
 * @param {(key: string, values?: object) => string} options.t
 * @param {string} options.title
 * @param {(Node | string)[]} options.body
 * @param {string} options.action the word on the button
 * @param {boolean} [options.isDanger]
 * @param {() => Promise<string | void>} options.submit
 * @returns {{element: HTMLDialogElement, closed: Promise<void>, button: HTMLButtonElement}}
 */
export function openForm({ t, title, body, action, isDanger = false, submit }) {
  const problem = h('p', { class: 'notice danger', role: 'alert', hidden: true });
  const button = h('button', { type: 'submit', class: isDanger ? 'danger' : 'primary' }, action);
  const cancel = h('button', { type: 'button' }, t('files.cancel'));
  const form = h('form', { class: 'files-form' }, ...body, problem, h('div', { class: 'files-dialog-foot' }, cancel, button));
  const dialog = openDialog({ t, title, body: [form] });
  cancel.addEventListener('click', dialog.close);
  if (isDanger) cancel.focus();
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    problem.hidden = true;
    button.disabled = true;
    const message = await submit();
    button.disabled = false;
    if (!message) return dialog.close();
    problem.textContent = message;
    problem.hidden = false;
  });
  return { ...dialog, button };
}

/**
 * Asks, with one button for each choice.
 * @param {object} options
 * @param {(key: string, values?: object) => string} options.t
 * @param {string} options.title
 * @param {(Node | string)[]} options.body
 * @param {{value: string, label: string, className?: string}[]} options.choices
 * @returns {Promise<string | null>} null when closed
 */
export async function ask({ t, title, body, choices }) {
  let chosen = null;
  const buttons = choices.map(({ value, label, className = '' }) => h('button', {
    type: 'button',
    class: className,
    onclick: () => {
      chosen = value;
      dialog.close();
    },
  }, label));
  const cancel = h('button', { type: 'button', onclick: () => dialog.close() }, t('files.cancel'));
  const dialog = openDialog({ t, title, body, actions: [cancel, ...buttons] });
  await dialog.closed;
  return chosen;
}
