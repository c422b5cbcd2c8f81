// The page: sign in, then chat, tasks and notifications side by side.

import * as chat from './chat.js';
import { $, el } from './dom.js';
import * as notices from './notices.js';
import { Socket } from './socket.js';
import * as session from './session.js';
import * as tasks from './tasks.js';
import * as trace from './trace.js';

let config = { demo: false };
let registering = false;

const STATES = { connecting: 'Connecting', online: 'Connected', offline: 'Reconnecting' };
const socket = new Socket({
  state(state) {
    $('connection').dataset.state = state;
    $('connection').textContent = STATES[state];
    if (state !== 'connecting') look();
  },
  signedOut: () => showSignIn('The session has ended. Sign in again.'),
  frame: receive,
});
chat.init(socket);

function receive(frame) {
  switch (frame.type) {
    case 'ready':
      // Also after a cut: what was missed is read again.
      Promise.allSettled([chat.loadRooms(), tasks.load(), notices.load()]);
      break;
    case 'message':
      chat.receive(frame);
      break;
    case 'task':
      tasks.receive(frame.task, frame.change);
      trace.seen(frame.traceparent, 'task');
      if (frame.client_id) chat.showTask(frame);
      break;
    case 'notification':
      notices.receive(frame);
      break;
    case 'error':
      trace.seen(frame.traceparent, 'refused');
      chat.refuse(frame);
      break;
    default:
  }
}

function showSignIn(message = '') {
  socket.stop();
  for (const part of [chat, tasks, notices]) part.reset();
  $('workplace').hidden = true;
  $('sign-in').hidden = false;
  $('sign-in-error').textContent = message;
  mode(false);
  if (config.demo) {
    $('email').value = 'demo@glasshouse.example';
    $('password').value = 'glasshouse-demo';
  }
  $(config.demo ? 'sign-in-button' : 'email').focus();
}

function showWorkplace() {
  $('sign-in').hidden = true;
  $('password').value = '';
  $('workplace').hidden = false;
  $('who').textContent = session.user().name;
  socket.start();
  watchSystem();
  $('text').focus();
}

function mode(register) {
  registering = register;
  $('name-field').hidden = !register;
  $('name').required = register;
  $('demo-note').hidden = register || !config.demo;
  $('password').autocomplete = register ? 'new-password' : 'current-password';
  $('sign-in-button').textContent = register ? 'Create account' : 'Sign in';
  $('sign-in-mode').textContent = register ? 'I have an account' : 'Create an account';
}

$('sign-in-mode').addEventListener('click', () => {
  mode(!registering);
  if (registering) {
    $('email').value = '';
    $('password').value = '';
    $('name').focus();
  }
});
$('sign-in-form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const [name, email, password] = ['name', 'email', 'password'].map((id) => $(id).value);
  $('sign-in-error').textContent = '';
  $('sign-in-button').disabled = true;
  try {
    if (registering) await session.register(email, password, name, trace.begin('Created an account'));
    else await session.signIn(email, password, trace.begin('Signed in'));
    showWorkplace();
  } catch (error) {
    $('sign-in-error').textContent = error.message;
  }
  $('sign-in-button').disabled = false;
});
$('sign-out').addEventListener('click', async () => {
  await session.signOut();
  showSignIn();
});

for (const button of document.querySelectorAll('[data-show]')) {
  button.addEventListener('click', () => {
    $('workplace').dataset.view = button.dataset.show;
    if (button.dataset.show === 'chat') chat.bottom();
    for (const other of document.querySelectorAll('[data-show]')) other.setAttribute('aria-pressed', String(other === button));
  });
}

// The state of the system, for as long as somebody looks.
let watching = null;
function watchSystem() {
  clearInterval(watching);
  look();
  watching = setInterval(look, 5000);
}

async function look() {
  if ($('workplace').hidden) return clearInterval(watching);
  if (document.hidden) return;
  try {
    showSystem((await session.open('/api/system')).components);
  } catch {
    showSystem([{ name: 'chat-gateway', state: 'unreachable' }]);
  }
}

function showSystem(components) {
  const bad = components.filter((one) => one.state !== 'ready');
  $('system-dot').dataset.state = bad.length ? 'bad' : 'good';
  $('system-summary').textContent = bad.length === 0 ? 'All ready' : `${bad.map((one) => one.name).join(', ')} not ready`;
  $('system-list').replaceChildren(...components.map((one) => el('li', {},
    el('span', { class: 'dot', 'data-state': one.state === 'ready' ? 'good' : 'bad' }), ` ${one.name} `,
    el('span', { class: 'muted' }, one.state.replace('_', ' ')))));
}

document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') $('system').open = false;
});
document.addEventListener('click', (event) => {
  if (!$('system').contains(event.target)) $('system').open = false;
});

async function begin() {
  try {
    config = await session.open('/api/page-config');
  } catch { /* The page works without its links. */ }
  trace.configure(config.jaeger_url);
  const links = [['Traces', config.jaeger_url], ['Metrics', config.prometheus_url], ['Logs', config.loki_url]].filter(([, url]) => url);
  $('system-links').replaceChildren(...links.map(([text, href]) => el('a', { href, target: '_blank', rel: 'noopener' }, text)));
  if (!session.canResume()) return showSignIn();
  try {
    await session.renew();
    showWorkplace();
  } catch (error) {
    showSignIn(error instanceof session.SignedOut ? '' : error.message);
  }
}

begin();
