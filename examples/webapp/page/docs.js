// The page /docs: shows /openapi.json, and makes calls.

const $ = (id) => document.getElementById(id);
let api;

// An element with these properties and children. Texts are never read as HTML.
function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

const resolve = (value) => (value?.$ref ? value.$ref.slice(2).split('/').reduce((at, key) => at[key], api) : value);

function typeOf(schema) {
  if (schema.$ref) return schema.$ref.split('/').pop();
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' or ');
  if ('const' in schema) return JSON.stringify(schema.const);
  if (schema.type === 'array') return `list of ${typeOf(schema.items)}s`;
  const range = 'minimum' in schema ? `, ${schema.minimum} to ${schema.maximum}` : '';
  return (schema.type ?? 'any') + range;
}

function fieldsOf(schema) {
  const whole = resolve(schema);
  const parts = whole.allOf ? whole.allOf.map(resolve) : [whole];
  return parts.flatMap((part) => Object.entries(part.properties ?? {}).map(([name, field]) => ({
    name, field, required: part.required?.includes(name),
  })));
}

function table(schema) {
  const rows = fieldsOf(schema).map(({ name, field, required }) => make('tr', {},
    make('td', {}, make('code', { textContent: name }), required ? ' (required)' : ''),
    make('td', { textContent: typeOf(field) }),
    make('td', { textContent: resolve(field).description ?? '' })));
  return rows.length ? make('table', {}, make('tbody', {}, ...rows)) : '';
}

// What to send: one input for each parameter, and one for the body.
function inputsOf(operation, shared) {
  const inputs = [...shared, ...(operation.parameters ?? [])].map(resolve).map((parameter) => ({
    kind: parameter.in, name: parameter.name, input: make('input', { type: 'text', required: true }),
  }));
  for (const [type, content] of Object.entries(operation.requestBody?.content ?? {})) {
    if (type === 'multipart/form-data') inputs.push({ kind: 'form', name: 'file', input: make('input', { type: 'file' }) });
    else inputs.push({ kind: 'body', name: type, input: make('textarea', { value: content.example ? JSON.stringify(content.example, null, 2) : '' }) });
  }
  return inputs;
}

function request(method, path, inputs) {
  const headers = { accept: 'application/json' };
  let url = path;
  let body;
  for (const { kind, name, input } of inputs) {
    if (kind === 'path') url = url.replace(`{${name}}`, encodeURIComponent(input.value.trim()));
    if (kind === 'query' && input.value) url += `${url.includes('?') ? '&' : '?'}${name}=${encodeURIComponent(input.value)}`;
    if (kind === 'body') { body = input.value; headers['content-type'] = name; }
    if (kind === 'form') { body = new FormData(); if (input.files[0]) body.append(name, input.files[0]); }
  }
  if ($('password').value) headers.authorization = `Bearer ${$('password').value}`;
  return { url, options: { method, headers, body } };
}

const quote = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

function curl({ url, options }) {
  let line = `curl -X ${options.method} ${quote(location.origin + url)}`;
  for (const [name, value] of Object.entries(options.headers)) {
    line += ` -H ${quote(`${name}: ${name === 'authorization' ? 'Bearer PASSWORD' : value}`)}`;
  }
  if (options.body instanceof FormData) line += ` -F ${quote(`file=@${options.body.get('file')?.name ?? 'video.mp4'}`)}`;
  else if (options.body) line += ` -d ${quote(options.body)}`;
  return line;
}

async function send({ url, options }) {
  const response = await fetch(url, options);
  const text = await response.text();
  let shown = text;
  try {
    shown = JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    // Not JSON: shown as it is.
  }
  const location = response.headers.get('location');
  return `${response.status} ${response.statusText}\n${location ? `Location: ${location}\n` : ''}${shown}`;
}

// Shows each message of a WebSocket as a line.
function watch(path, inputs, output) {
  const { url } = request('GET', path, inputs);
  const socket = new WebSocket(new URL(url, location.href.replace('http', 'ws')));
  const add = (line) => { output.textContent += `${line}\n`; output.scrollTop = output.scrollHeight; };
  socket.onmessage = (event) => add(event.data);
  socket.onclose = (event) => add(`closed: ${event.code} ${event.reason}`);
}

function tryOut(method, path, inputs) {
  const form = make('form');
  const output = make('pre', { hidden: true, tabIndex: 0, ariaLabel: 'Response' });
  const line = make('pre', { hidden: true, tabIndex: 0, ariaLabel: 'The same call with curl' });
  form.append(
    ...inputs.map(({ name, input }) => make('label', {}, make('code', { textContent: name }), input)),
    make('button', { textContent: 'Try it' }), line, output);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    output.hidden = false;
    output.textContent = '';
    if (path.startsWith('/ws/')) return watch(path, inputs, output);
    const call = request(method, path, inputs);
    line.hidden = false;
    line.textContent = curl(call);
    output.textContent = '…';
    output.textContent = await send(call).catch(() => 'The server cannot be reached. Is it running?');
  });
  return form;
}

function describe(path, method, operation, shared) {
  const inside = make('div', { className: 'inside' });
  for (const content of Object.values(operation.requestBody?.content ?? {})) {
    inside.append(make('h3', { textContent: 'Body' }), table(content.schema));
  }
  for (const [status, given] of Object.entries(operation.responses)) {
    const response = resolve(given);
    inside.append(make('h3', { textContent: `${status === 'default' ? 'Errors' : status}: ${response.description}` }));
    for (const content of Object.values(response.content ?? {})) if (content.schema) inside.append(table(content.schema));
  }
  inside.append(make('h3', { textContent: 'Try it' }), tryOut(method, path, inputsOf(operation, shared)));
  return make('details', { id: operation.operationId },
    make('summary', {}, make('b', { textContent: path.startsWith('/ws/') ? 'WS' : method }), make('code', { textContent: path }), make('span', { textContent: operation.summary })),
    inside);
}

async function begin() {
  api = await (await fetch('/openapi.json')).json();
  $('version').textContent = api.info.version;
  $('about').textContent = api.info.description;
  const operations = Object.entries(api.paths).flatMap(([path, { parameters = [], ...methods }]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation, parameters })));
  $('calls').replaceChildren(...api.tags.flatMap(({ name, description }) => [
    make('h2', { textContent: description }),
    ...operations.filter(({ operation }) => operation.tags.includes(name))
      .map(({ path, method, operation, parameters }) => describe(path, method, operation, parameters)),
  ]));
}

begin().catch(() => { $('calls').textContent = 'The description cannot be loaded. Is the server running?'; });
