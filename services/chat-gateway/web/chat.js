// Rooms and messages. A message is shown at once, and again sent after a cut
// until the server has it: its id makes sure that it is stored once.

import { $, el, time } from './dom.js';
import { api, user } from './session.js';
import * as trace from './trace.js';

const MAX_SHOWN = 500;
let room = null;
let socket = null;
let older = null;
const pending = new Map();
const items = new Map();

export function init(connection) {
  socket = connection;
}

export function reset() {
  room = null;
  older = null;
  pending.clear();
  clear();
}

function clear() {
  items.clear();
  $('messages').replaceChildren();
}

/** Lists the rooms; stays where it is if it can. */
export async function loadRooms(wanted) {
  const { items: rooms } = await api('GET', '/api/rooms');
  const stay = rooms.find((one) => one.name === (wanted ?? room?.name)) ?? rooms.find((one) => one.name === 'general') ?? rooms[0];
  $('rooms').replaceChildren(...rooms.map((one) => el('option', { value: one.id, selected: one.id === stay?.id }, one.name)));
  if (stay) await enter(stay);
}

/** Goes into a room: listens first, then reads what was said before. */
export async function enter(next) {
  if (room && room.id !== next.id) socket.send({ type: 'leave', room: room.id });
  if (room?.id !== next.id) clear();
  room = next;
  socket.send({ type: 'join', room: room.id, traceparent: trace.silent() });
  await history();
  for (const frame of pending.values()) socket.send(frame);
}

async function history(before) {
  const from = room.id;
  const page = await api('GET', `/api/rooms/${from}/messages?limit=50${before ? `&before=${before}` : ''}`);
  if (room.id !== from) return;
  if (before || older === null || items.size === 0) older = page.next_before;
  $('older').hidden = !older;
  const list = $('messages');
  const height = list.scrollHeight;
  for (const message of page.items) {
    show({ ...message, from: { id: message.user_id, name: message.user_name } });
  }
  if (before) list.scrollTop += list.scrollHeight - height;
  else bottom();
}

/** A message from the server, own ones included. */
export function receive(frame) {
  if (frame.room_id !== room?.id) return;
  const atBottom = isAtBottom();
  show(frame);
  if (frame.client_id && pending.delete(frame.client_id)) trace.seen(frame.traceparent, 'message');
  if (atBottom) bottom();
}

/** The task that a message asked for. */
export function showTask(frame) {
  const card = el('div', { class: 'message card-line', 'data-at': new Date().toISOString() },
    el('p', {}, el('span', { class: 'tick', 'aria-hidden': 'true' }, '✓'), ' Task added: ', el('strong', {}, frame.task.title),
      ...(frame.task.reminders ?? []).map((reminder) => el('span', { class: 'muted' }, time(reminder.fires_at, ' · reminder at '))), ' ',
      trace.link(frame.traceparent)));
  $('messages').append(card);
  bottom();
}

/** A message was refused: it says why, where it stands. */
export function refuse(frame) {
  pending.delete(frame.client_id);
  const item = items.get(frame.client_id);
  const text = el('p', { class: 'error', role: 'alert' }, frame.detail);
  if (item) {
    item.dataset.state = item.dataset.state === 'stored' ? 'stored' : 'refused';
    item.append(text);
  } else {
    $('messages').append(el('div', { class: 'message card-line' }, text));
  }
  bottom();
}

/** Shows a message, once, in its place by time. */
function show(message) {
  const key = (message.client_id && message.from.id === user()?.id) ? message.client_id : message.id;
  const item = el('div', { class: 'message', 'data-at': message.sent_at, 'data-state': message.pending ? 'pending' : 'stored',
    'data-own': message.from.id === user()?.id ? 'true' : 'false' },
  el('p', { class: 'meta' }, el('strong', {}, message.from.name), ' ', time(message.sent_at), ' ',
    message.pending ? el('span', { class: 'muted' }, 'sending…') : trace.link(message.traceparent)),
  el('p', { class: 'text' }, message.text));
  const known = items.get(key);
  items.set(key, item);
  if (known) return known.replaceWith(item);
  const list = $('messages');
  const next = [...list.children].findLast((other) => other.dataset.at <= message.sent_at);
  if (next) next.after(item); else list.prepend(item);
  while (list.children.length > MAX_SHOWN) list.firstElementChild.remove();
}

function isAtBottom() {
  const list = $('messages');
  return list.scrollHeight - list.scrollTop - list.clientHeight < 80;
}

/** Scrolls to what was said last. */
export function bottom() {
  $('messages').scrollTop = $('messages').scrollHeight;
}

function say(text) {
  const id = crypto.randomUUID?.() ?? trace.silent().slice(3, 35);
  const traceparent = trace.begin(/^\s*(please\s+)?(add|create|new|make)\b.*\b(task|todo|to-do)\b/i.test(text) ? 'Asked for a task in chat' : 'Sent a message');
  const frame = { type: 'message', id, room: room.id, text, traceparent, utc_offset_minutes: -new Date().getTimezoneOffset() };
  pending.set(id, frame);
  show({ id, client_id: id, from: { id: user().id, name: user().name }, text, sent_at: new Date().toISOString(), traceparent, pending: true });
  bottom();
  socket.send(frame);
}

const input = $('text');
const grow = () => { input.rows = Math.min(6, Math.max(1, input.value.split('\n').length)); };
$('composer').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = input.value.trim();
  if (!text || !room) return;
  input.value = '';
  grow();
  say(text);
});
input.addEventListener('input', grow);
input.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    $('composer').requestSubmit();
  }
});
$('example').addEventListener('click', (event) => {
  input.value = event.currentTarget.textContent;
  grow();
  input.focus();
});
$('older').addEventListener('click', () => history(older).catch(() => {}));
$('rooms').addEventListener('change', (event) => {
  const option = event.target.selectedOptions[0];
  enter({ id: option.value, name: option.textContent }).catch(() => {});
});
$('new-room').addEventListener('click', () => {
  $('room-error').textContent = '';
  $('room-name').value = '';
  $('room-dialog').showModal();
});
$('room-cancel').addEventListener('click', () => $('room-dialog').close());
$('room-form').addEventListener('submit', async (event) => {
  event.preventDefault();
  try {
    const made = await api('POST', '/api/rooms', { name: $('room-name').value }, trace.begin('Created a room'));
    $('room-dialog').close();
    await loadRooms(made.name);
  } catch (error) {
    $('room-error').textContent = error.message;
  }
});
