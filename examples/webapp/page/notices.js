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

export function showProblem(message, extra = []) {
  problem.textContent = message;
  problemList.replaceChildren(...extra);
  problemList.hidden = extra.length === 0;
  problem.hidden = problemBox.hidden = false;
}

export function hideProblem() {
  problem.hidden = problemBox.hidden = true;
}

export function warn(message, about = message) {
  warnings.set(about, { message, since: performance.now() });
  draw();
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
