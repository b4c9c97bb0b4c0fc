// The answers: the newest one over the video, all in the list, and some for screen readers.

const MAX_ITEMS = 200;
// A screen reader needs seconds for a sentence.
const SPOKEN_INTERVAL_MS = 5000;

const list = document.getElementById('answers');
const latest = document.getElementById('latest');
const count = document.getElementById('count');
const placeholder = document.getElementById('none');
const spoken = document.getElementById('spoken');
let number = 0;
let spokenAt = -Infinity;

export function clear() {
  list.replaceChildren();
  number = 0;
  update();
  latest.hidden = true;
}

export function add(result) {
  const item = document.createElement('li');
  const when = document.createElement('div');
  when.className = 'when';
  when.append(makeElement('time', new Date().toLocaleTimeString()), makeElement('span', milliseconds(result.total_latency_ms)));
  item.append(when);
  if (result.ok === false) {
    item.append(makeElement('p', result.error || 'The model gave no answer.', 'failed'));
  } else {
    item.append(makeElement('p', readable(result.result), isJson(result.result) ? 'json' : ''));
    latest.textContent = result.result;
    latest.hidden = false;
  }
  number += 1;
  prepend(item);
  if (performance.now() - spokenAt > SPOKEN_INTERVAL_MS) {
    spokenAt = performance.now();
    spoken.textContent = result.result;
  }
}

// Adds a note between the answers.
export function note(sentence) {
  const item = document.createElement('li');
  item.append(makeElement('p', sentence, 'note'));
  prepend(item);
}

function prepend(item) {
  // Keep the position of a reader who has scrolled down.
  const scrolled = list.scrollTop;
  list.prepend(item);
  if (scrolled > 0) list.scrollTop = scrolled + item.offsetHeight;
  while (list.children.length > MAX_ITEMS) list.lastChild.remove();
  update();
}

function update() {
  list.hidden = list.children.length === 0;
  placeholder.hidden = !list.hidden;
  count.textContent = number ? `${number} so far` : '';
}

export function milliseconds(value) {
  if (value === undefined) return '';
  return value < 10000 ? `${Math.round(value)} ms` : `${Math.round(value / 1000)} s`;
}

function isJson(answer) {
  return /^\s*[{[]/.test(answer);
}

function readable(answer) {
  try {
    return isJson(answer) ? JSON.stringify(JSON.parse(answer), null, 2) : answer;
  } catch {
    return answer;
  }
}

function makeElement(name, content, style = '') {
  const element = document.createElement(name);
  element.textContent = content;
  element.className = style;
  return element;
}
