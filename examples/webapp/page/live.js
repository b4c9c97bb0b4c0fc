// What the server tells of a session. A connection that is lost is made again; where the session is
// gone, that is the end.

import { call } from './api.js';

// The session was closed. A server that stops, or that is gone, ends it in other ways.
const NORMAL = 1000;
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 4000;

export class Live {
  // told(message), lost(), gone(sentence)
  constructor(id, instance, handlers) {
    this.id = id;
    this.instance = instance;
    this.handlers = handlers;
    this.pause = FIRST_PAUSE;
    this.connect();
  }

  connect() {
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    this.socket = new WebSocket(`${scheme}://${location.host}/ws/${this.id}`);
    this.socket.onmessage = (event) => {
      this.pause = FIRST_PAUSE;
      const message = JSON.parse(event.data);
      if (message.type === 'state' && message.state === 'closed') this.reason = message.reason;
      else this.handlers.told(message);
    };
    this.socket.onclose = (event) => {
      if (event.code === NORMAL) {
        this.end();
        this.handlers.gone(this.reason);
        return;
      }
      this.handlers.lost();
      this.timer = setTimeout(() => this.again(), this.pause);
      this.pause = Math.min(this.pause * 2, LONGEST_PAUSE);
    };
  }

  // A refused WebSocket does not say why: ask first.
  async again() {
    const socket = this.socket;
    let sentence;
    try {
      await call('GET', `/sessions/${this.id}`);
    } catch (problem) {
      if (problem.status === 404) sentence = await this.why();
      else if (this.socket === socket) {
        this.timer = setTimeout(() => this.again(), this.pause);
        this.pause = Math.min(this.pause * 2, LONGEST_PAUSE);
        return;
      }
    }
    if (this.socket !== socket) return;
    if (sentence) {
      this.end();
      this.handlers.gone(sentence);
    } else {
      this.connect();
    }
  }

  async why() {
    const health = await call('GET', '/').catch(() => ({}));
    return health.instance === this.instance
      ? 'This session is gone: it was not used for a while. Choose the video again.'
      : 'The server was restarted; this session is gone. Choose the video again.';
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
