// Notifications: a toast when one arrives, and the list of the latest.

import { $, el, time } from './dom.js';
import { api } from './session.js';
import * as trace from './trace.js';

const MAX_SHOWN = 30;
const TOAST_MS = 9000;
const notices = new Map();

export function reset() {
  notices.clear();
  $('toasts').replaceChildren();
  render();
}

export async function load() {
  const { items } = await api('GET', `/api/notifications?limit=${MAX_SHOWN}`);
  for (const notice of items) notices.set(notice.id, notice);
  render();
}

/** One was pushed; the same one twice is shown once. */
export function receive(frame) {
  const notice = { ...frame.notification, traceparent: frame.traceparent };
  trace.seen(frame.traceparent, 'reminder');
  if (notices.has(notice.id)) return;
  notices.set(notice.id, notice);
  render();
  toast(notice);
}

function render() {
  const all = [...notices.values()].sort((a, b) => b.fired_at.localeCompare(a.fired_at)).slice(0, MAX_SHOWN);
  const unread = all.filter((notice) => !notice.read_at).length;
  $('notices').replaceChildren(...all.map((notice) => el('li', { class: 'notice', 'data-unread': String(!notice.read_at) },
    el('span', { class: 'dot', 'data-state': notice.read_at ? 'read' : 'unread' }),
    notice.read_at ? null : el('span', { class: 'visually-hidden' }, 'Unread: '),
    el('span', { class: 'title' }, notice.title), ' ', el('span', { class: 'muted' }, time(notice.fired_at)), ' ', trace.link(notice.traceparent))));
  $('notices-empty').hidden = all.length > 0;
  $('read-all').hidden = unread === 0;
  $('notices-badge').hidden = unread === 0;
  $('notices-badge').textContent = unread;
  document.title = unread ? `(${unread}) Glasshouse` : 'Glasshouse';
}

function toast(notice) {
  const close = () => box.remove();
  const box = el('div', { class: 'toast' },
    el('p', {}, el('strong', {}, 'Reminder'), el('span', { class: 'title' }, notice.title)),
    el('button', { class: 'quiet', type: 'button', 'aria-label': 'Dismiss', onclick: close }, '×'));
  $('toasts').append(box);
  while ($('toasts').children.length > 4) $('toasts').firstElementChild.remove();
  let timer = setTimeout(close, TOAST_MS);
  // Whoever reads it, by mouse or keyboard, has the time to.
  for (const name of ['mouseenter', 'focusin']) box.addEventListener(name, () => clearTimeout(timer));
  for (const name of ['mouseleave', 'focusout']) box.addEventListener(name, () => { timer = setTimeout(close, 3000); });
}

$('read-all').addEventListener('click', async () => {
  await api('POST', '/api/notifications/read', undefined, trace.begin('Read all notifications')).catch(() => {});
  const now = new Date().toISOString();
  for (const notice of notices.values()) notice.read_at ??= now;
  render();
});
