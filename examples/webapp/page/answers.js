// The answers: the newest over the video, all of them in the list, and some read aloud.

const LONGEST_LIST = 200;
// A screen reader takes seconds for a sentence.
const SPOKEN_EACH = 5000;

const list = document.getElementById('answers');
const latest = document.getElementById('latest');
const count = document.getElementById('count');
const none = document.getElementById('none');
const spoken = document.getElementById('spoken');
let number = 0;
let spokenAt = -Infinity;

export function clear() {
  list.replaceChildren();
  number = 0;
  show();
  latest.hidden = true;
}

export function add(result) {
  const item = document.createElement('li');
  const when = document.createElement('div');
  when.className = 'when';
  when.append(text('time', new Date().toLocaleTimeString()), text('span', milliseconds(result.total_latency_ms)));
  item.append(when);
  if (result.ok === false) {
    item.append(text('p', result.error || 'The model gave no answer.', 'failed'));
  } else {
    item.append(text('p', readable(result.result), isJson(result.result) ? 'json' : ''));
    latest.textContent = result.result;
    latest.hidden = false;
  }
  number += 1;
  put(item);
  if (performance.now() - spokenAt > SPOKEN_EACH) {
    spokenAt = performance.now();
    spoken.textContent = result.result;
  }
}

// Something that happened in between.
export function note(sentence) {
  const item = document.createElement('li');
  item.append(text('p', sentence, 'note'));
  put(item);
}

function put(item) {
  // Who has scrolled down to read stays there.
  const reading = list.scrollTop;
  list.prepend(item);
  if (reading > 0) list.scrollTop = reading + item.offsetHeight;
  while (list.children.length > LONGEST_LIST) list.lastChild.remove();
  show();
}

function show() {
  list.hidden = list.children.length === 0;
  none.hidden = !list.hidden;
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

function text(name, content, style = '') {
  const element = document.createElement(name);
  element.textContent = content;
  element.className = style;
  return element;
}
