// The answers: the newest first, grouped by their question, and some of them for screen readers.

import { render } from './markdown.js';
import { clock, make, milliseconds, place } from './words.js';

const MAX_ITEMS = 500;
// A screen reader needs seconds for a sentence.
const SPOKEN_INTERVAL_MS = 5000;

const list = document.getElementById('answers');
const latest = document.getElementById('latest');
const number = document.getElementById('count');
const placeholder = document.getElementById('none');
const spoken = document.getElementById('spoken');
const download = document.getElementById('download');

let total = 0; // the number of the newest answer
let question = null; // the heading of the newest group
let partial = null;
let spokenAt = -Infinity;
let seek = null;

// `canSeek()` says whether the video can be shown at the time of an answer, `to(seconds)` does it.
export function onSeek(canSeek, to) {
  seek = { canSeek, to };
}

export function clear() {
  list.replaceChildren();
  total = 0;
  question = null;
  partial = null;
  update();
  latest.hidden = true;
}

export const newest = () => total;

export function add(result, { old = false } = {}) {
  if (result.id <= total) return false;
  total = result.id ?? total + 1;
  dropPartial();
  ask(result.prompt ?? '');
  const item = document.createElement('li');
  item.className = 'answer';
  if (result.repeated) item.classList.add('repeated');
  item.append(when(result), body(result));
  const info = meta(result);
  if (info.childElementCount) item.append(info);
  insert(item);
  if (result.ok !== false && result.result) {
    latest.textContent = result.result;
    latest.hidden = false;
  }
  if (!old && performance.now() - spokenAt > SPOKEN_INTERVAL_MS) {
    spokenAt = performance.now();
    spoken.textContent = result.result || result.error || '';
  }
  return true;
}

// The beginning of an answer that is still arriving.
export function showPartial(text) {
  if (!partial) {
    partial = make('li', '', 'answer partial');
    partial.append(make('div', '', 'when'), make('div', '', 'text'));
    insert(partial);
  }
  partial.lastChild.replaceChildren(render(text));
}

export function dropPartial() {
  partial?.remove();
  partial = null;
}

// Shows the question that is asked now.
export function ask(prompt) {
  if (question?.prompt === prompt) return;
  const item = make('li', '', 'question');
  item.append(make('span', 'Question', 'label'), make('strong', prompt));
  item.title = prompt; // A long one is cut off.
  question = { prompt, item };
  prepend(item);
}

// Adds a note between the answers.
export function note(sentence) {
  insert(make('li', sentence, 'note'));
}

// Below the heading of the newest group.
function insert(item) {
  if (question) keepPosition(() => question.item.after(item));
  else prepend(item);
}

function prepend(item) {
  keepPosition(() => list.prepend(item));
}

// A reader who has scrolled down keeps the position.
function keepPosition(change) {
  const { scrollTop: scrolled, scrollHeight: before } = list;
  change();
  // The answer that was the newest becomes smaller, so the height of the new one is not all.
  if (scrolled > 0) list.scrollTop = scrolled + list.scrollHeight - before;
  while (list.children.length > MAX_ITEMS) list.lastChild.remove();
  update();
}

function update() {
  list.hidden = list.children.length === 0;
  placeholder.hidden = !list.hidden;
  number.textContent = total || '';
  download.hidden = total === 0;
}

function when(result) {
  const box = make('div', '', 'when');
  if (result.video_seconds !== undefined && seek?.canSeek()) {
    const button = make('button', place(result.video_seconds), 'place');
    button.type = 'button';
    button.title = 'Show the video at this time';
    button.setAttribute('aria-label', `Show the video at ${place(result.video_seconds)}`);
    button.addEventListener('click', () => seek.to(result.video_seconds));
    box.append(button);
  }
  const time = make('time', clock(result.received_at ?? Date.now()));
  time.dateTime = result.received_at ?? '';
  box.append(time);
  return box;
}

function body(result) {
  const text = make('div', '', 'text');
  if (result.result) text.append(readable(result.result));
  if (result.ok === false) text.append(make('p', result.error || 'The model gave no answer.', 'failed'));
  if (result.schema_error) text.append(make('p', `It does not fit the schema: ${result.schema_error}`, 'failed small'));
  return text;
}

function meta(result) {
  const box = make('div', '', 'meta');
  const mark = (text, why, style = '') => {
    const made = make('span', text, `mark ${style}`);
    made.title = why;
    box.append(made);
  };
  if (result.finish_reason === 'length') mark('cut off', 'The answer is longer than the largest number of tokens.', 'wait');
  if (result.finish_reason === 'content_filter') mark('filtered', 'The filter of the service removed a part.', 'wait');
  if (result.late) mark('late', 'This answers the question before the last change.');
  if (result.stale) mark('stale', 'The video had stalled, so the picture was old.', 'wait');
  if (result.schema_error) mark('wrong form', result.schema_error, 'bad');
  if (result.repeated) mark('repeated', 'This says the same as the answer before.');
  if (result.total_latency_ms !== undefined) {
    const latency = make('span', milliseconds(result.total_latency_ms), 'latency');
    latency.title = 'From the frame to the answer';
    box.append(latency);
  }
  return box;
}

// JSON becomes a table if it is flat, everything else is read as Markdown.
function readable(answer) {
  if (/^\s*[{[]/.test(answer)) {
    try {
      return json(JSON.parse(answer));
    } catch {
      // It only looked like JSON.
    }
  }
  return render(answer);
}

function json(value) {
  const plain = (part) => part === null || typeof part !== 'object'
    || (Array.isArray(part) && part.every((inner) => inner === null || typeof inner !== 'object'));
  if (Array.isArray(value) || !Object.keys(value).length || !Object.values(value).every(plain)) {
    return make('pre', JSON.stringify(value, null, 2));
  }
  const table = make('dl', '', 'fields-of-answer');
  for (const [name, part] of Object.entries(value)) {
    const row = document.createElement('div');
    row.append(make('dt', name), make('dd', Array.isArray(part) ? part.join(', ') || 'none' : String(part)));
    table.append(row);
  }
  return table;
}
