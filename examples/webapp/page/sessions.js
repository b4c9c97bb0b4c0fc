// The list of sessions: what runs now, and what has stored answers.

import { call, remove } from './api.js';
import { RUNNING, count, make, moment, money } from './words.js';

const NAMES = { ready: 'stopped', streaming: 'live', connecting: 'connecting', reconnecting: 'reconnecting', stopping: 'stopping', ended: 'ended', failed: 'failed' };
const REFRESH_MS = 3000;

const dialog = document.getElementById('sessions');
const running = document.getElementById('sessions-running');
const earlier = document.getElementById('sessions-earlier');
const problem = document.getElementById('sessions-problem');
let own = () => null;
let timer;

// `current()` is the id of the session on this page.
export function start(current) {
  own = current;
  document.getElementById('sessions-open').addEventListener('click', () => {
    dialog.showModal();
    refresh();
  });
  document.getElementById('sessions-close').addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => clearTimeout(timer));
}

export const list = () => call('GET', '/sessions');

async function refresh() {
  clearTimeout(timer);
  try {
    const lists = await list();
    fill(running, lists.sessions.map(entry), 'No videos at the moment.');
    fill(earlier, lists.earlier.map(stored), 'No stored answers yet.');
    problem.textContent = '';
  } catch (error) {
    problem.textContent = error.message;
  }
  if (dialog.open) timer = setTimeout(refresh, REFRESH_MS);
}

function fill(box, items, otherwise) {
  // The focus stays on the same button of the same session.
  const { activeElement: focused } = document;
  const key = box.contains(focused) ? focused.dataset.key : null;
  box.replaceChildren(...(items.length ? items : [make('li', otherwise, 'hint')]));
  if (key) box.querySelector(`[data-key="${key}"]`)?.focus();
}

// What runs, as an item of a list.
export function entry(session) {
  const item = make('li', '', 'session');
  const text = make('div', '', 'session-text');
  const name = make('strong', nameOf(session));
  const state = make('span', NAMES[session.state] ?? session.state, `mark ${session.state === 'streaming' ? 'good' : ''}`);
  text.append(name, ' ', state);
  if (session.session_id === own()) text.append(' ', make('span', 'this page', 'mark'));
  if (session.prompt) {
    const prompt = make('p', session.prompt, 'session-prompt');
    prompt.title = session.prompt; // A long one is cut off.
    text.append(prompt);
  }
  const facts = [`since ${moment(session.since)}`, count(session.answers, 'answer')];
  const cost = session.usage?.cost_microcents;
  if (cost) facts.push(money(cost / 1e6));
  text.append(make('p', facts.join(' · '), 'hint'));
  const ways = make('div', '', 'ways');
  if (session.session_id !== own() && session.source !== 'webcam') ways.append(open(session));
  if (RUNNING.includes(session.state)) ways.append(action('Stop', session, () => call('POST', `/stop-stream/${session.session_id}`)));
  else ways.append(action('Remove', session, () => remove(`/sessions/${session.session_id}`)));
  item.append(text, ways);
  return item;
}

function stored(session) {
  const item = make('li', '', 'session');
  const text = make('div', '', 'session-text');
  text.append(make('strong', nameOf(session)));
  text.append(make('p', `${moment(session.since)} · ${count(session.answers, 'answer')}`, 'hint'));
  const ways = make('div', '', 'ways');
  ways.append(open(session));
  item.append(text, ways);
  return item;
}

export function nameOf(session) {
  return session.filename ?? (session.source === 'webcam' ? 'Webcam' : 'Video');
}

function open(session) {
  const link = make('a', 'Open', 'button small');
  link.href = `#${session.session_id}`;
  link.dataset.key = `open-${session.session_id}`;
  link.addEventListener('click', () => dialog.close());
  return link;
}

function action(name, session, work) {
  const button = make('button', name, 'button small');
  button.type = 'button';
  button.dataset.key = `${name}-${session.session_id}`;
  button.setAttribute('aria-label', `${name} ${nameOf(session)}`);
  button.addEventListener('click', async () => {
    button.disabled = true;
    try {
      await work();
    } catch (error) {
      problem.textContent = error.message;
    }
    if (dialog.open) await refresh();
    else button.closest('li')?.remove();
  });
  return button;
}
