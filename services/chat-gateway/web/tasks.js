// The task list: loaded once, kept up to date by frames, changed through the
// gateway.

import { $, el, time } from './dom.js';
import { api } from './session.js';
import * as trace from './trace.js';

const tasks = new Map();
const deleted = new Set();

export function reset() {
  tasks.clear();
  render();
}

export async function load() {
  try {
    const [open, done] = await Promise.all([
      api('GET', '/api/tasks?status=open&limit=100'),
      api('GET', '/api/tasks?status=completed&limit=20'),
    ]);
    tasks.clear();
    for (const task of [...open.items, ...done.items]) tasks.set(task.id, task);
    say('');
  } catch (error) {
    say(error.message);
  }
  render();
}

/** A task changed, here or elsewhere. Old news is ignored. */
export function receive(task, change) {
  // The end of an occurrence is the beginning of the next, which nobody announces.
  const next = change === 'deleted' ? tasks.get(task.id)?.recurrence : task.recurrence?.next_task_id;
  if (next && !tasks.has(next)) setTimeout(load);
  if (change === 'deleted') {
    deleted.add(task.id);
    tasks.delete(task.id);
  } else if (!deleted.has(task.id) && (tasks.get(task.id)?.version ?? 0) <= task.version) {
    tasks.set(task.id, task);
  }
  render();
}

function say(text) {
  $('tasks-state').textContent = text;
}

async function change(action, method, path, task, body) {
  const traceparent = trace.begin(action);
  try {
    const answer = await api(method, path, body, traceparent);
    trace.seen(traceparent, 'answer');
    if (method === 'DELETE') receive(task, 'deleted');
    else receive(answer, 'changed');
    say('');
    return true;
  } catch (error) {
    say(error.message);
    render();
    return false;
  }
}

function render() {
  const all = [...tasks.values()];
  const open = all.filter((task) => task.status !== 'completed').sort(byUrgency);
  const done = all.filter((task) => task.status === 'completed').sort((a, b) => (b.completed_at ?? '').localeCompare(a.completed_at ?? ''));
  const focused = document.activeElement?.closest?.('[data-task]')?.dataset.task;
  $('tasks').replaceChildren(...open.map(item));
  $('done-list').replaceChildren(...done.map(item));
  $('done').hidden = done.length === 0;
  $('done-count').textContent = `(${done.length})`;
  $('tasks-empty').hidden = open.length > 0;
  $('tasks-badge').hidden = open.length === 0;
  $('tasks-badge').textContent = open.length;
  // What was under the keyboard stays there.
  if (focused) document.querySelector(`[data-task="${CSS.escape(focused)}"] input`)?.focus();
}

const RANK = { urgent: 0, high: 1, normal: 2, low: 3 };
const byUrgency = (a, b) => RANK[a.priority] - RANK[b.priority] || (b.created_at ?? '').localeCompare(a.created_at ?? '');

function item(task) {
  const done = task.status === 'completed';
  const path = `/api/tasks/${encodeURIComponent(task.id)}`;
  const toggle = (event) => {
    event.target.disabled = true;
    if (done) change('Reopened a task', 'POST', `${path}/reopen`, task);
    else change('Completed a task', 'POST', `${path}/complete`, task);
  };
  const badges = [
    task.priority && task.priority !== 'normal' ? el('span', { class: `tag ${task.priority}` }, task.priority) : null,
    ...(task.tags ?? []).map((tag) => el('span', { class: 'tag' }, `#${tag}`)),
    task.due_at ? el('span', { class: 'tag' }, time(task.due_at, 'due ')) : null,
    task.recurrence ? el('span', { class: 'tag', title: task.recurrence.rule }, '↻ repeats') : null,
    ...(done ? [] : task.reminders ?? []).filter((reminder) => reminder.fires_at).map((reminder) =>
      el('span', { class: 'tag' }, time(reminder.fires_at, new Date(reminder.fires_at) < new Date() ? 'reminded ' : 'reminder '))),
  ];
  return el('li', { class: 'task', 'data-task': task.id, 'data-done': String(done) },
    el('label', {}, el('input', { type: 'checkbox', checked: done, onchange: toggle }), el('span', { class: 'title' }, task.title)),
    el('p', { class: 'tags' }, ...badges),
    el('button', { class: 'quiet', type: 'button', 'aria-label': `Delete task ${task.title}`, title: 'Delete',
      onclick: () => change('Deleted a task', 'DELETE', path, task) }, '×'));
}

$('task-form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const title = $('task-title').value.trim();
  if (!title) return;
  const seconds = Number($('task-reminder').value);
  const body = { title, priority: $('task-priority').value };
  if (seconds) body.reminders = [{ at: new Date(Date.now() + seconds * 1000).toISOString() }];
  if (await change('Added a task', 'POST', '/api/tasks', null, body)) {
    event.target.reset();
    $('task-title').focus();
  }
});
