// The form: the question and the settings of the stream.

import { Problem, call } from './api.js';

const form = document.getElementById('form');
const more = document.getElementById('more');
const pace = document.getElementById('pace');
const { prompt, backend, model, mode } = form.elements;
const numbers = [...form.querySelectorAll('input[type="number"]')];

export function onPreset(chosen) {
  for (const chip of form.querySelectorAll('.chip')) {
    chip.addEventListener('click', () => {
      prompt.value = chip.dataset.prompt;
      chosen();
    });
  }
}

// The body for `POST /start-stream`. Throws a Problem if a field is invalid.
export function settings() {
  clearMarks();
  const values = { prompt: question(), mode: mode.value };
  if (backend.value) values.backend = backend.value;
  if (model.value) values.model = model.value;
  for (const input of numbers) {
    if (input.closest('label').hidden || (input.value === '' && !input.validity.badInput)) continue;
    if (!input.validity.valid) {
      const name = input.closest('label').firstChild.textContent.trim();
      throw new Problem(`“${name}” must be a number from ${input.min} to ${input.max}.`, 0, input.name);
    }
    values[input.name] = input.valueAsNumber;
  }
  const schema = form.elements.output_schema.value.trim();
  if (schema) {
    try {
      values.output_schema = JSON.parse(schema);
    } catch (error) {
      throw new Problem(`The JSON schema is not valid JSON: ${error.message}.`, 0, 'output_schema');
    }
  }
  return values;
}

export function question() {
  clearMarks();
  const text = prompt.value.trim();
  if (!text) throw new Problem('Enter a question about the video.', 0, 'prompt');
  return text;
}

// Marks the field that a problem is about.
export function mark(name) {
  const field = form.elements[name];
  if (!field) return;
  if (more.contains(field)) more.open = true;
  field.setAttribute('aria-invalid', 'true');
  field.focus();
}

// A disabled field cannot take the focus. This gives the marked field the focus once it is enabled.
export function refocus() {
  if (document.activeElement === document.body) form.querySelector('[aria-invalid]')?.focus();
}

function clearMarks() {
  form.querySelectorAll('[aria-invalid]').forEach((field) => field.removeAttribute('aria-invalid'));
}

// Fills the lists of backends and models.
export async function loadModels() {
  const list = await call('GET', '/models');
  backend.replaceChildren(...list.backends.map((name) => new Option(name)));
  const options = list.models.map(({ model, ready, status }) => {
    const option = new Option(status === 'ready' ? model : `${model} (${status})`, model);
    option.disabled = !ready;
    return option;
  });
  model.replaceChildren(new Option('Default of the service', ''), ...options);
}

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
  const about = clip ? `about ${frames} frames of ${value('clip_length_seconds')} s` : 'about one frame';
  pace.textContent = Number.isNaN(every + (clip ? frames : 0)) ? '' : `${when}, ${about}`;
}

form.addEventListener('input', describe);
describe();
