// The WebSocket: comes back by itself, and knows when it is dead.

import { SignedOut, onRenewal, renew, token } from './session.js';

const PING_EVERY = 25000;
const SILENCE = 12000;
const MAX_PAUSE = 15000;

/** Connects, and stays connected until `stop`. */
export class Socket {
  #on;
  #socket = null;
  #attempt = 0;
  #stopped = false;
  #timers = new Set();

  constructor(on) {
    this.#on = on;
    onRenewal((access) => this.send({ type: 'authenticate', token: access }));
    addEventListener('online', () => this.#hurry());
    document.addEventListener('visibilitychange', () => { if (!document.hidden) this.#hurry(); });
  }

  start() {
    this.#stopped = false;
    this.#attempt = 0;
    this.#connect();
  }

  stop() {
    this.#stopped = true;
    this.#clear();
    this.#socket?.close(1000);
    this.#socket = null;
  }

  /** Sends a frame if connected; whether it was sent. */
  send(frame) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  async #connect() {
    this.#clear();
    this.#on.state('connecting');
    let access;
    try {
      access = await token();
    } catch (error) {
      if (error instanceof SignedOut) this.#on.signedOut();
      else this.#later();
      return;
    }
    if (this.#stopped) return;
    const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(`${scheme}//${location.host}/ws`, ['glasshouse.v1', `bearer.${access}`]);
    this.#socket = socket;
    let heard = Date.now();
    socket.onmessage = ({ data }) => {
      heard = Date.now();
      const frame = JSON.parse(data);
      if (frame.type === 'ready') {
        this.#attempt = 0;
        this.#on.state('online');
      }
      this.#on.frame(frame);
    };
    socket.onopen = () => {
      this.#every(PING_EVERY, () => {
        const asked = Date.now();
        this.send({ type: 'ping' });
        this.#after(SILENCE, () => { if (heard < asked) this.#lost(socket); });
      });
    };
    socket.onclose = async ({ code }) => {
      if (this.#socket !== socket || this.#stopped) return;
      this.#socket = null;
      if (code === 4401) {
        try {
          await renew();
        } catch (error) {
          if (error instanceof SignedOut) return this.#on.signedOut();
        }
      }
      this.#later();
    };
  }

  #lost(socket) {
    if (this.#socket !== socket) return;
    socket.onclose = null;
    socket.close();
    this.#socket = null;
    this.#later();
  }

  #later() {
    if (this.#stopped) return;
    this.#clear();
    this.#on.state('offline');
    const pause = Math.min(MAX_PAUSE, 500 * 2 ** this.#attempt++) * (0.5 + Math.random() / 2);
    this.#after(pause, () => this.#connect());
  }

  #hurry() {
    if (this.#stopped || this.#socket || this.#timers.size === 0) return;
    this.#connect();
  }

  #after(ms, work) {
    const timer = setTimeout(() => { this.#timers.delete(timer); work(); }, ms);
    this.#timers.add(timer);
  }

  #every(ms, work) {
    this.#timers.add(setInterval(work, ms));
  }

  #clear() {
    for (const timer of this.#timers) { clearTimeout(timer); clearInterval(timer); }
    this.#timers.clear();
  }
}
