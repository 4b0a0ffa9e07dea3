/**
 * What the keyboard does in the grid, as file managers have it.
 * @param {import('./grid.js').Grid} grid
 * @param {KeyboardEvent} event
 */
export function gridKeys(grid, event) {
  const action = movement(grid, event) ?? command(grid, event);
  if (!action) return;
  event.preventDefault();
  action();
}

function movement(grid, event) {
  const { active, page } = grid;
  const last = grid.rows.length - 1;
  const targets = { ArrowDown: active + 1, ArrowUp: active - 1, PageDown: active + page, PageUp: active - page, Home: 0, End: last };
  if (!(event.key in targets) || event.altKey) return null;
  return () => {
    const index = Math.max(0, Math.min(targets[event.key], last));
    if (event.shiftKey) {
      grid.selection.anchor ??= grid.rows[active]?.path;
      grid.selectRange(index);
    }
    grid.activate(index);
  };
}

function command(grid, event) {
  const entry = grid.rows[grid.active];
  const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
  if ((event.ctrlKey || event.metaKey) && event.key === 'a') return () => grid.toggleAll();
  if (event.altKey && event.key === 'ArrowUp') return () => grid.tell('command', 'up');
  if (!isPlain || !entry) return null;
  switch (event.key) {
    case 'Enter': return () => grid.tell('open', entry);
    case ' ': return () => grid.selection.toggle(entry.path);
    case 'Escape': return grid.selection.size > 0 ? () => grid.selection.clear() : null;
    case 'Backspace': return () => grid.tell('command', 'up');
    case 'F2': return () => grid.tell('command', 'rename');
    case 'Delete': return () => grid.tell('command', 'delete');
    case '/': return () => grid.tell('command', 'filter');
    default: return typed(grid, event.key);
  }
}

/** Jumps to the next name that begins with the letter. */
function typed(grid, key) {
  if ([...key].length !== 1) return null;
  const letter = key.toLowerCase();
  const from = grid.active + 1;
  const isNext = (entry, index) => index >= from && entry.folded.startsWith(letter);
  const next = grid.rows.findIndex(isNext);
  const found = next >= 0 ? next : grid.rows.findIndex(({ folded }) => folded.startsWith(letter));
  return found >= 0 ? () => grid.activate(found) : null;
}
