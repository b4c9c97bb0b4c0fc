// Calls to the server. An error response becomes a Problem with its message.

export class Problem extends Error {
  constructor(message, status = 0, { field, error, sessions = [] } = {}) {
    super(message);
    this.status = status;
    this.field = field;
    this.kind = error;
    this.sessions = sessions;
  }
}

// Called if the server wants a password. It completes when the user has logged in.
let logIn = () => Promise.reject(new Problem('This server wants a password.'));
export function onLogin(handler) {
  logIn = handler;
}

const LOGIN_REQUIRED = 'login-required';
const UNREACHABLE = 'The server cannot be reached. Is it running?';

export async function call(method, path, body = undefined, options = {}) {
  const headers = { accept: 'application/json' };
  if (body !== undefined) {
    headers['content-type'] = 'application/json';
    body = JSON.stringify(body);
  }
  const response = await request(path, { method, body, headers, ...options });
  return response.status === 204 ? null : response.json();
}

export async function remove(path) {
  try {
    await fetch(path, { method: 'DELETE', keepalive: true });
  } catch {
    // The server has stopped, or it removes the session by itself later.
  }
}

// WHIP: sends an offer. Returns the answer and the session's id.
export async function offer(sdp) {
  const headers = { 'content-type': 'application/sdp' };
  const response = await request('/webcam', { method: 'POST', body: sdp, headers });
  const id = response.headers.get('location').split('/').pop();
  return { id, answer: await response.text() };
}

async function request(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Problem(UNREACHABLE);
  }
  if (response.ok) return response;
  const problem = toProblem(response.status, await response.text());
  if (problem.kind !== LOGIN_REQUIRED || path === '/login') throw problem;
  await logIn();
  return request(path, options);
}

// Uses XMLHttpRequest, because fetch does not report progress.
export function upload(file, signal, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', '/upload-video');
    request.upload.onprogress = (event) => progress(event.loaded / event.total);
    request.onload = () => {
      if (request.status === 201) {
        resolve(JSON.parse(request.response));
        return;
      }
      const problem = toProblem(request.status, request.response);
      if (problem.kind === LOGIN_REQUIRED) logIn().then(() => upload(file, signal, progress)).then(resolve, reject);
      else reject(problem);
    };
    signal.addEventListener('abort', () => {
      request.abort();
      reject(signal.reason);
    });
    request.onerror = () => reject(new Problem('The upload was interrupted. Is the server running?'));
    const form = new FormData();
    form.append('file', file);
    request.send(form);
  });
}

function toProblem(status, text) {
  try {
    const body = JSON.parse(text);
    if (body.message) return new Problem(body.message, status, body);
  } catch {
    // Not a response of this server, but for example a proxy's error page.
  }
  return new Problem(`The server answered with status ${status}.`, status);
}
