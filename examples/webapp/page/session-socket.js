// The WebSocket of a session. It reconnects after a loss, and ends when the session is closed.

import { call } from './api.js';

// The close code of a closed session. If the server stops or is lost, the code is another.
const NORMAL_CLOSE = 1000;
const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 4000;
const FIRST_PATIENCE_MS = 15000;
// So many heartbeats may be missing before the connection counts as dead.
const MISSING_HEARTBEATS = 2.5;

export class SessionSocket {
  // Handlers: onMessage(message), onLost(), onClosed(sentence)
  constructor(id, instance, handlers) {
    this.id = id;
    this.instance = instance;
    this.handlers = handlers;
    this.pause = FIRST_PAUSE_MS;
    this.patience = FIRST_PATIENCE_MS;
    this.connect();
  }

  connect() {
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    this.socket = new WebSocket(`${scheme}://${location.host}/ws/${this.id}`);
    this.socket.onmessage = (event) => {
      this.pause = FIRST_PAUSE_MS;
      const message = JSON.parse(event.data);
      if (message.heartbeat_seconds) this.patience = message.heartbeat_seconds * MISSING_HEARTBEATS * 1000;
      this.expectMore();
      if (message.type === 'state' && message.state === 'closed') this.reason = message.reason;
      else this.handlers.onMessage(message);
    };
    this.socket.onclose = (event) => {
      if (event.code === NORMAL_CLOSE) {
        this.end();
        this.handlers.onClosed(this.reason);
        return;
      }
      this.lose();
    };
    this.expectMore();
  }

  // A dead connection closes only after minutes, so the page does not wait for that.
  expectMore() {
    clearTimeout(this.timer);
    const socket = this.socket;
    this.timer = setTimeout(() => {
      if (this.socket !== socket) return;
      socket.onclose = socket.onmessage = null;
      socket.close();
      this.lose();
    }, this.patience);
  }

  lose() {
    clearTimeout(this.timer);
    this.handlers.onLost();
    this.timer = setTimeout(() => this.reconnect(), this.pause);
    this.pause = Math.min(this.pause * 2, MAX_PAUSE_MS);
  }

  // A refused WebSocket gives no reason, so check the session first.
  async reconnect() {
    const socket = this.socket;
    let sentence;
    try {
      await call('GET', `/sessions/${this.id}`, undefined, { signal: AbortSignal.timeout(this.patience) });
    } catch (problem) {
      if (problem.status === 404) sentence = await this.closeReason();
      else if (this.socket === socket) {
        this.timer = setTimeout(() => this.reconnect(), this.pause);
        this.pause = Math.min(this.pause * 2, MAX_PAUSE_MS);
        return;
      }
    }
    if (this.socket !== socket) return;
    if (sentence) {
      this.end();
      this.handlers.onClosed(sentence);
    } else {
      this.connect();
    }
  }

  async closeReason() {
    const health = await call('GET', '/').catch(() => ({}));
    return health.instance === this.instance
      ? 'The session was closed because it was not used. Choose the video again.'
      : 'The server was restarted and the session is lost. Choose the video again.';
  }

  end() {
    clearTimeout(this.timer);
    const socket = this.socket;
    this.socket = null;
    if (socket) {
      socket.onclose = socket.onmessage = null;
      socket.close();
    }
  }
}
