// Every action of the user begins a trace here, and the strip at the bottom
// shows what has been seen of the last one.

import { $, el, shortTime } from './dom.js';

const hex = (bytes) => Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, '0')).join('');

let last = null;
let jaeger = null;

/** Says where traces can be looked at, if anywhere. */
export function configure(url) {
  jaeger = url ? url.replace(/\/+$/, '') : null;
}

/** Begins the trace of an action that is shown; answers its traceparent. */
export function begin(action) {
  const traceparent = silent();
  last = { id: idOf(traceparent), action, begun: performance.now(), hops: [] };
  show();
  return traceparent;
}

/** A traceparent for what the page does by itself. */
export function silent() {
  return `00-${hex(16)}-${hex(8)}-01`;
}

/** Notes that something of a trace was seen; only the last action's counts. */
export function seen(traceparent, hop) {
  if (!last || idOf(traceparent) !== last.id || last.hops.some((known) => known.hop === hop)) return;
  last.hops.push({ hop, after: performance.now() - last.begun });
  show();
}

/** The trace id within a traceparent. */
export function idOf(traceparent) {
  return /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(traceparent ?? '')?.[1] ?? null;
}

/** A link to a trace, or nothing where no Jaeger is known. */
export function link(traceparent, text = 'trace') {
  const id = idOf(traceparent);
  if (!id) return null;
  if (jaeger) {
    return el('a', { class: 'trace-ref', href: `${jaeger}/trace/${id}`, target: '_blank', rel: 'noopener', title: `Trace ${id}` }, text);
  }
  return el('button', { class: 'trace-ref link', type: 'button', title: `Copy trace id ${id}`, onclick: (event) => copy(id, event.currentTarget) }, text);
}

async function copy(text, button) {
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = 'Copied';
  } catch {
    button.textContent = 'Press Ctrl+C';
    getSelection().selectAllChildren($('trace-id'));
  }
  setTimeout(() => { button.textContent = before; }, 1500);
}

function show() {
  $('trace-action').textContent = last.action;
  $('trace-id').textContent = last.id;
  $('trace-id-line').hidden = false;
  $('trace-link').hidden = !jaeger;
  if (jaeger) $('trace-link').href = `${jaeger}/trace/${last.id}`;
  $('trace-hops').replaceChildren(...last.hops.map(({ hop, after }) => el('li', {}, hop, el('span', { class: 'muted' }, ` ${shortTime(after)}`))));
}

$('trace-copy').addEventListener('click', (event) => copy(last?.id ?? '', event.currentTarget));
