// Banners over the page: one problem, and the warnings that still hold. They can be closed and never move the page.

import { make } from './words.js';

// A warning whose cause is soon over stays long enough to be read.
const MIN_SHOWN_MS = 6000;

const problemBox = document.getElementById('problem-box');
const problem = document.getElementById('problem');
const problemList = document.getElementById('problem-list');
const warningBox = document.getElementById('warning-box');
const warning = document.getElementById('warning');
const warnings = new Map(); // about → { message, since }
let reconnecting = false;

export function showProblem(message, extra = []) {
  problem.textContent = message;
  problemList.replaceChildren(...extra);
  problemList.hidden = extra.length === 0;
  problem.hidden = problemBox.hidden = false;
}

export function hideProblem() {
  problem.hidden = problemBox.hidden = true;
}

// While the stream reconnects, its newest warning is enough.
export function warn(message, about = reconnecting ? 'reconnecting' : message) {
  warnings.set(about, { message, since: performance.now() });
  draw();
}

// The stream reconnects for this reason. `null`: it does not.
export function setReconnecting(reason) {
  const begins = reason !== null && !reconnecting;
  reconnecting = reason !== null;
  if (!begins) return;
  for (const [about, { message }] of warnings) {
    if (about === message) warnings.delete(about);
  }
  if (reason) warn(reason);
}

// The cause of one warning is over.
export function over(about) {
  warnings.delete(about);
  draw();
}

// An answer arrived, so what the stream warned about is over. Warnings of `kept` causes have their own end.
export function settle(kept) {
  for (const [about, { since }] of warnings) {
    if (!kept.includes(about) && performance.now() - since > MIN_SHOWN_MS) warnings.delete(about);
  }
  draw();
}

export function clearWarnings() {
  warnings.clear();
  draw();
}

function draw() {
  warning.replaceChildren(...[...warnings.values()].map(({ message }) => make('span', message)));
  warning.hidden = warningBox.hidden = warnings.size === 0;
}

document.getElementById('problem-close').addEventListener('click', hideProblem);
document.getElementById('warning-close').addEventListener('click', clearWarnings);
