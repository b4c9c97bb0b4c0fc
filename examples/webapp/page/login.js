// The form for the password, if the server wants one.

import { Problem, call } from './api.js';

const dialog = document.getElementById('login');
const form = document.getElementById('login-form');
const problem = document.getElementById('login-problem');
let waiting = null; // { promise, done }

// Completes when the password was right.
export function logIn() {
  if (!waiting) {
    waiting = {};
    waiting.promise = new Promise((done) => { waiting.done = done; });
    dialog.showModal();
  }
  return waiting.promise;
}

// Without the password there is nothing to see.
dialog.addEventListener('cancel', (event) => event.preventDefault());
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  problem.textContent = '';
  try {
    await call('POST', '/login', { password: form.elements.password.value });
  } catch (refused) {
    if (!(refused instanceof Problem)) throw refused;
    problem.textContent = refused.message;
    form.elements.password.select();
    return;
  }
  form.reset();
  dialog.close();
  waiting.done();
  waiting = null;
});
document.getElementById('logout').addEventListener('click', async () => {
  await call('POST', '/logout').catch(() => {});
  location.reload();
});
