// The page: the video, its state, and the user's actions.

import { Problem, call, remove } from './api.js';
import * as answers from './answers.js';
import * as form from './form.js';
import * as plot from './latency-plot.js';
import { SessionSocket } from './session-socket.js';
import { fromFile, fromWebcam, megabytes } from './video-source.js';

const $ = (id) => document.getElementById(id);
const STATE_NAMES = {
  none: 'Choose a video',
  opening: 'Please wait',
  ready: 'Ready',
  connecting: 'Connecting',
  streaming: 'Live',
  reconnecting: 'Reconnecting',
  stopping: 'Stopping',
  ended: 'Video ended',
  failed: 'Failed',
  lost: 'Connection lost',
};

let health = { extensions: [], max_upload_bytes: 0 };
let video = null; // { id, kind, end }
let uploading = null; // aborts the upload
let socket = null;
let state = 'none';
let currentPrompt = '';

// ---- display ----

function showState(now, reason = '') {
  state = now;
  $('state').textContent = STATE_NAMES[now];
  $('reason').textContent = reason;
  $('dot').className = `dot ${now}`;
  const runs = ['connecting', 'streaming', 'reconnecting'].includes(now);
  $('start').textContent = runs ? 'Change the question' : 'Start';
  // aria-disabled instead of disabled: the button keeps the focus while the stream connects.
  $('start').setAttribute('aria-disabled', !['ready', 'ended', 'failed', 'streaming', 'reconnecting'].includes(now));
  if (!runs && document.activeElement === $('stop')) $('start').focus();
  $('stop').disabled = !runs;
  $('other').hidden = !video && !uploading;
  $('other').textContent = uploading ? 'Cancel' : 'Another video';
  $('choose').hidden = Boolean(video) || now === 'opening';
  $('more').querySelectorAll('input, select, textarea').forEach((field) => { field.disabled = runs; });
  if (!runs) form.refocus();
}

function showProblem(problem) {
  $('problem').textContent = problem.message;
  $('problem').hidden = false;
  if (problem.field) form.mark(problem.field);
}

function hideProblem() {
  $('problem').hidden = true;
}

function showPreview(source) {
  const preview = $('preview');
  preview.hidden = false;
  if (source instanceof MediaStream) {
    preview.srcObject = source;
    preview.play();
  } else {
    preview.src = URL.createObjectURL(source);
  }
}

function hidePreview() {
  const preview = $('preview');
  if (preview.src) URL.revokeObjectURL(preview.src);
  preview.srcObject = null;
  preview.removeAttribute('src');
  preview.load();
  preview.hidden = true;
  $('no-preview').hidden = true;
}

function replacePreview(sentence) {
  $('preview').hidden = true;
  $('no-preview').textContent = sentence;
  $('no-preview').hidden = false;
}

// ---- choice of the video ----

async function open(make) {
  hideProblem();
  await closeSession();
  showState('opening');
  try {
    // The server may have been restarted.
    health = await call('GET', '/');
    video = await make();
    sessionStorage.setItem('session', JSON.stringify({ id: video.id, instance: health.instance }));
    watch();
    showState('ready');
    $('start').focus();
  } catch (problem) {
    hidePreview();
    uploading = null;
    showState('none');
    if (problem.name !== 'AbortError') showProblem(problem);
  }
  $('sending').hidden = true;
}

function chooseFile(file) {
  if (!file) return;
  open(async () => {
    $('sending-what').textContent = `Uploading ${file.name}`;
    $('progress').value = 0;
    $('sending').hidden = false;
    uploading = new AbortController();
    showState('opening');
    const made = await fromFile(file, health, uploading.signal, (part) => {
      $('progress').value = part;
      if (part === 1) $('sending-what').textContent = `Checking ${file.name}`;
    });
    uploading = null;
    showPreview(file);
    return made;
  });
}

function watch() {
  socket = new SessionSocket(video.id, health.instance, {
    onMessage,
    onLost: () => showState('lost', 'Connecting again.'),
    onClosed: (reason) => {
      socket = null;
      reset();
      showProblem(new Problem(reason || 'The session is closed. Choose the video again.'));
    },
  });
}

// Closes the session, here and at the server.
async function closeSession() {
  const old = video;
  reset();
  if (old) await remove(`/sessions/${old.id}`);
}

function reset() {
  socket?.end();
  socket = null;
  video?.end();
  video = null;
  sessionStorage.removeItem('session');
  hidePreview();
  answers.clear();
  plot.clear();
  showState('none');
}

// ---- messages of the server ----

function onMessage(message) {
  switch (message.type) {
    case 'session':
      answers.clear();
      plot.clear();
      for (const result of message.results) addResult(result);
      if (message.settings) currentPrompt = message.settings.prompt;
      showState(message.state, message.reason);
      break;
    case 'state':
      onState(message.state, message.reason);
      break;
    case 'result':
      addResult(message);
      break;
    case 'prompt':
      if (message.prompt !== currentPrompt) answers.note(`Now asking: ${message.prompt}`);
      currentPrompt = message.prompt;
      break;
    case 'dropped':
      answers.note(`${message.count} messages were dropped because this page was too slow.`);
      break;
    case 'warning':
    case 'error':
      showProblem(new Problem(message.message, 0, message.field));
      break;
  }
}

function onState(now, reason) {
  const preview = $('preview');
  if (video.kind === 'file' && preview.src) {
    if (now === 'streaming' && state === 'connecting') {
      preview.currentTime = 0;
      preview.play().catch(() => {});
    } else if (now !== 'streaming' && now !== 'reconnecting') {
      preview.pause();
    }
  }
  // The problem is over.
  if (now === 'streaming' && state === 'reconnecting') hideProblem();
  showState(now, now === 'failed' ? '' : reason);
}

function addResult(result) {
  answers.add(result);
  plot.add(result);
}

// ---- user actions ----

async function attempt(work) {
  hideProblem();
  try {
    await work();
  } catch (problem) {
    showProblem(problem);
  }
}

const isRunning = () => state === 'streaming' || state === 'reconnecting';

function submit() {
  return attempt(async () => {
    if (isRunning()) {
      await call('POST', `/update-prompt/${video.id}`, { prompt: form.question() });
      return;
    }
    const settings = form.settings();
    answers.clear();
    plot.clear();
    currentPrompt = settings.prompt;
    showState('connecting');
    await call('POST', `/start-stream/${video.id}`, settings).catch((problem) => {
      // The user stopped it meanwhile. That is not a problem.
      if (problem.status === 409 && state !== 'connecting') return;
      if (state === 'connecting') showState('ready');
      throw problem;
    });
  });
}

$('form').addEventListener('submit', (event) => {
  event.preventDefault();
  if (state === 'none') showProblem(new Problem('Choose a video or the webcam first.'));
  else if ($('start').getAttribute('aria-disabled') === 'false') submit();
});
form.onPreset(() => { if (isRunning()) submit(); });
$('stop').addEventListener('click', () => attempt(() => call('POST', `/stop-stream/${video.id}`)));
$('other').addEventListener('click', async () => {
  hideProblem();
  if (uploading) uploading.abort();
  else await closeSession();
  $('file').focus();
});
$('file').addEventListener('change', () => {
  chooseFile($('file').files[0]);
  $('file').value = '';
});
$('webcam').addEventListener('click', () => open(() => fromWebcam(showPreview)));
$('preview').addEventListener('error', () => {
  if ($('preview').src) replacePreview('This browser cannot show this video format. You can still ask about the video.');
});

const screen = $('screen');
screen.addEventListener('dragover', (event) => {
  event.preventDefault();
  screen.classList.add('over');
});
screen.addEventListener('dragleave', () => screen.classList.remove('over'));
screen.addEventListener('drop', (event) => {
  event.preventDefault();
  screen.classList.remove('over');
  if (state !== 'opening') chooseFile(event.dataTransfer.files[0]);
});
// Without its page a webcam sends no video, so close the session. A file session stays for a reload.
addEventListener('pagehide', () => {
  if (video?.kind === 'webcam') remove(`/webcam/${video.id}`);
});

// ---- start ----

async function begin() {
  health = await call('GET', '/');
  $('file').accept = health.extensions.map((extension) => `.${extension}`).join();
  $('kinds').textContent = `${health.extensions.join(', ')}, up to ${megabytes(health.max_upload_bytes)}`;
  const emulated = health.service === 'emulator';
  $('service').textContent = emulated ? 'Emulator' : 'Overshoot service';
  $('service').hidden = false;
  $('emulated').hidden = !emulated;
  await Promise.all([form.loadModels(), rejoin()]);
}

// Finds the session again after a reload.
async function rejoin() {
  const kept = JSON.parse(sessionStorage.getItem('session'));
  if (!kept || kept.instance !== health.instance) return;
  const session = await call('GET', `/sessions/${kept.id}`).catch(() => null);
  if (session?.source !== 'file') return;
  video = { id: kept.id, kind: 'file', end: () => {} };
  replacePreview(`${session.filename} is on the server. The preview is not available after a reload.`);
  watch();
}

showState('none');
attempt(begin);
