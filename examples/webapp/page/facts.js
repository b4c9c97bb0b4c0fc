// What the page shows of the server, of the costs, and of stored answers.

import * as form from './form.js';
import * as sessions from './sessions.js';
import { count, make, moment, money } from './words.js';

const $ = (id) => document.getElementById(id);

export function showUsage(usage) {
  const facts = [];
  if (usage?.billed_seconds >= 1) facts.push(`${Math.round(usage.billed_seconds)} s streamed`);
  if (usage?.cost_microcents) facts.push(`${money(usage.cost_microcents / 1e6)} spent`);
  if (usage?.credits_cents !== undefined) facts.push(`${money(usage.credits_cents)} left`);
  $('usage').textContent = facts.join(' · ');
  $('usage').hidden = facts.length === 0;
}

// `video` is the one on the page. The list of models says which API there is, if the server did not know it before.
export function showService(health, video, api = health.answers_from.api) {
  const from = health.answers_from;
  from.api = api;
  $('service').textContent = from.emulator
    ? 'Emulator: answers are invented'
    : [from.name, from.api && `API ${from.api}`].filter(Boolean).join(' · ');
  $('service').classList.toggle('invented', from.emulator);
  $('service').hidden = false;
  $('emulated').hidden = !from.emulator;
  $('url-form').hidden = !health.url_sources;
  $('logout').hidden = !health.login;
  // If the version is not known, the fields of v0.2 work on both.
  form.fit(from.api ?? 'v0.2', video?.hasFile ?? true);
}

export function showDownloads(id) {
  for (const link of $('download').querySelectorAll('a')) {
    link.href = `/sessions/${id}/answers?format=${link.dataset.format}`;
  }
}
// It is a menu: it closes when something was chosen, by Escape, and when the focus or a click goes elsewhere.
$('download').addEventListener('click', (event) => {
  if (event.target.closest('a')) $('download').open = false;
});
$('download').addEventListener('keydown', (event) => {
  if (event.key !== 'Escape') return;
  $('download').open = false;
  $('download').querySelector('summary').focus();
});
for (const name of ['click', 'focusin']) {
  addEventListener(name, (event) => {
    if (!$('download').contains(event.target)) $('download').open = false;
  });
}

// Without a video, the answers of earlier ones are one click away.
export async function showEarlier() {
  const lists = await sessions.list().catch(() => ({ earlier: [] }));
  $('earlier').replaceChildren(...lists.earlier.slice(0, 3).map((session) => {
    const item = make('li');
    const link = make('a', sessions.nameOf(session));
    link.href = `#${session.session_id}`;
    item.append(link, make('span', ` ${count(session.answers, 'answer')}, ${moment(session.since)}`, 'hint'));
    return item;
  }));
}
