/**
 * Keeps the page current without a reload: fetches itself and swaps the one element. Waits while the tab is hidden, text is selected
 * or something inside has the focus; says so when the host does not answer. Without scripts the page reloads itself instead.
 */
export const liveScript = `
const every = Number(document.documentElement.dataset.refreshS) * 1000;
const lost = document.getElementById('lost');
const busy = () => document.hidden || !getSelection().isCollapsed || document.getElementById('page').contains(document.activeElement);
async function refresh() {
  const answer = await fetch(location.href, { cache: 'no-store' });
  if (!answer.ok) throw new Error('status ' + answer.status);
  const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
  document.getElementById('page').replaceWith(fresh.getElementById('page'));
  document.title = fresh.title;
}
function tick() {
  const turn = busy() ? Promise.resolve() : refresh();
  turn.then(() => { lost.hidden = true; }, () => { lost.hidden = false; }).finally(() => setTimeout(tick, every));
}
setTimeout(tick, every);
`;
