// The form: the question and the settings of the stream.

import { Problem, call } from './api.js';
import { count } from './words.js';

const form = document.getElementById('form');
const more = document.getElementById('more');
const pace = document.getElementById('pace');
const { prompt, backend, model, mode } = form.elements;
const fields = [...more.querySelectorAll('input, select, textarea')];
let unfocused = null; // the field that a problem is about, as long as it cannot take the focus
const JSON_FIELDS = ['output_schema', 'questions', 'alerts'];

export function onPreset(chosen) {
  for (const chip of form.querySelectorAll('.chip')) {
    chip.addEventListener('click', () => {
      prompt.value = chip.dataset.prompt;
      prompt.dispatchEvent(new Event('input', { bubbles: true }));
      chosen();
    });
  }
}

// Leaves out the fields that this API or this video does not have.
export function fit(api, isFile) {
  for (const label of form.querySelectorAll('[data-api]')) {
    label.classList.toggle('off', Boolean(api) && label.dataset.api !== api);
  }
  for (const label of form.querySelectorAll('[data-file]')) label.classList.toggle('off', !isFile);
}

const isOff = (field) => field.closest('label').matches('.off, [hidden]');

// The body for `POST /start-stream`. Throws a Problem if a field is invalid.
export function settings() {
  clearMarks();
  const values = { prompt: question() };
  for (const field of fields) {
    const value = isOff(field) ? undefined : read(field);
    if (value === undefined) continue;
    // `budget.cents` is a member of the object `budget`.
    const [name, member] = field.name.split('.');
    if (member) values[name] = { ...values[name], [member]: value };
    else values[name] = value;
  }
  return values;
}

function read(field) {
  if (field.type === 'checkbox') return field.checked ? true : undefined;
  if (field.type === 'number') {
    if (field.value === '' && !field.validity.badInput) return undefined;
    if (!field.validity.valid) {
      throw problem(field, `“${nameOf(field)}” must be a number from ${field.min} to ${field.max}.`);
    }
    return field.valueAsNumber;
  }
  const text = field.value.trim();
  if (!text) return undefined;
  if (!JSON_FIELDS.includes(field.name)) return text;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw problem(field, `“${nameOf(field)}” is not valid JSON: ${error.message}.`);
  }
}

const problem = (field, sentence) => new Problem(sentence, 0, { field: field.name });

const nameOf = (field) => field.closest('label').firstChild.textContent.trim();

// Shows the settings of a stream that somebody started.
export function fill(known) {
  for (const field of fields) {
    const [name, member] = field.name.split('.');
    const value = member ? known[name]?.[member] : known[name];
    if (field.type === 'checkbox') field.checked = value === true;
    else if (value === undefined) field.value = field.tagName === 'SELECT' ? field.options[0]?.value ?? '' : '';
    else field.value = JSON_FIELDS.includes(field.name) ? JSON.stringify(value, null, 2) : value;
  }
  describe();
}

export function question() {
  clearMarks();
  const text = prompt.value.trim();
  if (!text) throw problem(prompt, 'Enter a question about the video.');
  return text;
}

// Marks the field that a problem is about.
export function mark(name) {
  const field = form.elements[name] ?? form.querySelector(`[name^="${CSS.escape(name)}."]`);
  if (!field) return;
  if (more.contains(field)) more.open = true;
  field.setAttribute('aria-invalid', 'true');
  field.focus();
  if (field.disabled) unfocused = field;
}

// A disabled field cannot take the focus. This gives the marked field the focus once it is enabled.
export function refocus() {
  if (document.activeElement === document.body) form.querySelector('[aria-invalid]')?.focus();
}

function clearMarks() {
  unfocused = null;
  form.querySelectorAll('[aria-invalid]').forEach((field) => field.removeAttribute('aria-invalid'));
}

// Settings hold for a whole stream.
export function lock(locked) {
  fields.forEach((field) => { field.disabled = locked; });
  if (!locked) {
    unfocused?.focus();
    unfocused = null;
  }
  document.getElementById('locked').hidden = !locked;
}

// Fills the lists of backends and models. Returns the version of the API.
export async function loadModels() {
  const list = await call('GET', '/models');
  backend.replaceChildren(...list.backends.map((name) => new Option(name)));
  const options = list.models.map(({ model: name, ready, status }) => {
    const option = new Option(ready ? name : `${name} (${status})`, name);
    option.disabled = !ready;
    return option;
  });
  model.replaceChildren(new Option('Default of the service', ''), ...options);
  return list.api;
}

// The service may not have been there when the page was loaded.
more.addEventListener('toggle', () => {
  if (more.open && !model.options.length) loadModels().catch(() => {});
});

// Describes the pace in words.
function describe() {
  const clip = mode.value === 'clip';
  for (const label of form.querySelectorAll('[data-mode]')) {
    label.hidden = label.dataset.mode !== mode.value;
  }
  const value = (name) => form.elements[name].valueAsNumber;
  const every = value(clip ? 'delay_seconds' : 'interval_seconds');
  const when = every === 1 ? 'an answer every second' : every > 0 ? `an answer every ${every} s` : 'answers without pauses';
  const frames = Math.floor(Math.floor(value('fps') * value('sampling_ratio') + 1e-9) * value('clip_length_seconds') + 1e-9);
  const about = clip ? `about ${count(Math.max(1, frames), 'frame')} of ${value('clip_length_seconds')} s` : 'about one frame';
  pace.textContent = Number.isNaN(every + (clip ? frames : 0)) ? '' : `${when}, ${about}`;
}

form.addEventListener('input', describe);
describe();
