// Who is signed in. The access token lives in memory only; the refresh token
// is shared by the tabs of this browser, and used by one at a time, since using
// it twice ends the session.

import { silent } from './trace.js';

const KEY = 'glasshouse.refresh';
const session = { access: null, expires: 0, user: null };
const listeners = new Set();

/** Calls back with the new access token each time there is one. */
export const onRenewal = (listener) => listeners.add(listener);
export const user = () => session.user;
export const canResume = () => localStorage.getItem(KEY) !== null;

/** The session is over: nothing but signing in helps. */
export class SignedOut extends Error {}

/** A problem that the server told. */
export class Problem extends Error {
  constructor(status, body) {
    const fields = (body.errors ?? []).map((error) => `${error.field} ${error.message}`).join('; ');
    super(fields || body.detail || body.title || `The server answered ${status}`);
    this.status = status;
    this.code = body.code;
  }
}

async function send(method, path, body, headers = {}) {
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(15000),
      cache: 'no-cache',
    });
  } catch (error) {
    throw new Error(error.name === 'TimeoutError' ? 'The server did not answer in time' : 'The server cannot be reached');
  }
  const text = await response.text();
  let answer = {};
  try { answer = text ? JSON.parse(text) : {}; } catch { /* Not ours: its status says enough. */ }
  if (!response.ok) throw new Problem(response.status, answer);
  return answer;
}

function accept(tokens) {
  session.access = tokens.access_token;
  session.expires = Date.now() + tokens.expires_in * 1000;
  session.user = tokens.user;
  localStorage.setItem(KEY, tokens.refresh_token);
  listeners.forEach((listener) => listener(session.access));
}

function forget() {
  Object.assign(session, { access: null, expires: 0, user: null });
  localStorage.removeItem(KEY);
}

export async function signIn(email, password, traceparent) {
  accept(await send('POST', '/api/auth/login', { email, password }, { traceparent }));
}

export async function register(email, password, name, traceparent) {
  accept(await send('POST', '/api/auth/register', { email, password, name }, { traceparent }));
}

export async function signOut() {
  const token = localStorage.getItem(KEY);
  forget();
  if (token) await send('POST', '/api/auth/logout', { refresh_token: token }, { traceparent: silent() }).catch(() => {});
}

/** A new access token for the refresh token; one tab at a time. */
export function renew() {
  const work = async () => {
    const token = localStorage.getItem(KEY);
    if (!token) throw new SignedOut();
    try {
      accept(await send('POST', '/api/auth/refresh', { refresh_token: token }, { traceparent: silent() }));
    } catch (error) {
      if (error.status !== 401) throw error;
      forget();
      throw new SignedOut();
    }
  };
  return navigator.locks ? navigator.locks.request(KEY, work) : work();
}

/** An access token that is good for a while yet. */
export async function token() {
  if (!session.access || Date.now() > session.expires - 30000) await renew();
  return session.access;
}

/** Calls the API as the signed-in user, as part of a trace. */
export async function api(method, path, body, traceparent = silent()) {
  const call = async () => send(method, path, body, { authorization: `Bearer ${await token()}`, traceparent });
  try {
    return await call();
  } catch (error) {
    if (error.status !== 401 || !session.access) throw error;
    await renew();
    return call();
  }
}

/** Asks what anybody may know. */
export const open = (path) => send('GET', path);

// Well before it ends, so that the socket's session goes on without a gap.
setInterval(() => {
  if (session.access && Date.now() > session.expires - 120000) renew().catch(() => {});
}, 15000);
