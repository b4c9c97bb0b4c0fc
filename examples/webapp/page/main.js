// The page: which video there is, where it stands, and what may be done about it.

import { Problem, call, remove } from './api.js';
import * as answers from './answers.js';
import * as form from './form.js';
import { Live } from './live.js';
import * as plot from './plot.js';
import { fromFile, fromWebcam, megabytes } from './video.js';

const $ = (id) => document.getElementById(id);
const WORDS = {
  none: 'Choose a video',
  opening: 'One moment',
  ready: 'Ready',
  connecting: 'Connecting',
  streaming: 'Live',
  reconnecting: 'Reconnecting',
  stopping: 'Stopping',
  ended: 'At the end',
  failed: 'Failed',
  lost: 'Connection lost',
};

let health = { extensions: [], max_upload_bytes: 0 };
let video = null; // { id, kind, end }
let sending = null; // aborts the upload
let live = null;
let state = 'none';
let asked = '';

// ---- what is shown ----

function stand(now, reason = '') {
  state = now;
  $('state').textContent = WORDS[now];
  $('reason').textContent = reason;
  $('dot').className = `dot ${now}`;
  const runs = ['connecting', 'streaming', 'reconnecting'].includes(now);
  $('start').textContent = runs ? 'Change the question' : 'Start';
  // Not disabled, so that it keeps the focus while it connects.
  $('start').setAttribute('aria-disabled', !['ready', 'ended', 'failed', 'streaming', 'reconnecting'].includes(now));
  if (!runs && document.activeElement === $('stop')) $('start').focus();
  $('stop').disabled = !runs;
  $('other').hidden = !video && !sending;
  $('other').textContent = sending ? 'Cancel' : 'Another video';
  $('choose').hidden = Boolean(video) || now === 'opening';
  $('more').querySelectorAll('input, select, textarea').forEach((field) => { field.disabled = runs; });
  if (!runs) form.refocus();
}

function tell(problem) {
  $('problem').textContent = problem.message;
  $('problem').hidden = false;
  if (problem.field) form.mark(problem.field);
}

function settle() {
  $('problem').hidden = true;
}

function play(source) {
  const preview = $('preview');
  preview.hidden = false;
  if (source instanceof MediaStream) {
    preview.srcObject = source;
    preview.play();
  } else {
    preview.src = URL.createObjectURL(source);
  }
}

function unplay() {
  const preview = $('preview');
  if (preview.src) URL.revokeObjectURL(preview.src);
  preview.srcObject = null;
  preview.removeAttribute('src');
  preview.load();
  preview.hidden = true;
  $('no-preview').hidden = true;
}

function noPreview(sentence) {
  $('preview').hidden = true;
  $('no-preview').textContent = sentence;
  $('no-preview').hidden = false;
}

// ---- which video ----

async function open(make) {
  settle();
  await drop();
  stand('opening');
  try {
    // The server may be another one by now.
    health = await call('GET', '/');
    video = await make();
    sessionStorage.setItem('session', JSON.stringify({ id: video.id, instance: health.instance }));
    watch();
    stand('ready');
    $('start').focus();
  } catch (problem) {
    unplay();
    sending = null;
    stand('none');
    if (problem.name !== 'AbortError') tell(problem);
  }
  $('sending').hidden = true;
}

function chooseFile(file) {
  if (!file) return;
  open(async () => {
    $('sending-what').textContent = `Uploading ${file.name}`;
    $('progress').value = 0;
    $('sending').hidden = false;
    sending = new AbortController();
    stand('opening');
    const made = await fromFile(file, health, sending.signal, (part) => {
      $('progress').value = part;
      if (part === 1) $('sending-what').textContent = `Looking into ${file.name}`;
    });
    sending = null;
    play(file);
    return made;
  });
}

function watch() {
  live = new Live(video.id, health.instance, {
    told,
    lost: () => stand('lost', 'It is tried again.'),
    gone: (reason) => {
      live = null;
      forget();
      tell(new Problem(reason || 'This session is gone. Choose the video again.'));
    },
  });
}

// The session ends here and at the server.
async function drop() {
  const old = video;
  forget();
  if (old) await remove(`/sessions/${old.id}`);
}

function forget() {
  live?.end();
  live = null;
  video?.end();
  video = null;
  sessionStorage.removeItem('session');
  unplay();
  answers.clear();
  plot.clear();
  stand('none');
}

// ---- what the server tells ----

function told(message) {
  switch (message.type) {
    case 'session':
      answers.clear();
      plot.clear();
      for (const result of message.results) addResult(result);
      if (message.settings) asked = message.settings.prompt;
      stand(message.state, message.reason);
      break;
    case 'state':
      changed(message.state, message.reason);
      break;
    case 'result':
      addResult(message);
      break;
    case 'prompt':
      if (message.prompt !== asked) answers.note(`Now asking: ${message.prompt}`);
      asked = message.prompt;
      break;
    case 'dropped':
      answers.note(`${message.count} messages were left out, as this page was too slow.`);
      break;
    case 'warning':
    case 'error':
      tell(new Problem(message.message, 0, message.field));
      break;
  }
}

function changed(now, reason) {
  const preview = $('preview');
  if (video.kind === 'file' && preview.src) {
    if (now === 'streaming' && state === 'connecting') {
      preview.currentTime = 0;
      preview.play().catch(() => {});
    } else if (now !== 'streaming' && now !== 'reconnecting') {
      preview.pause();
    }
  }
  // What was wrong is mended.
  if (now === 'streaming' && state === 'reconnecting') settle();
  stand(now, now === 'failed' ? '' : reason);
}

function addResult(result) {
  answers.add(result);
  plot.add(result);
}

// ---- what the user does ----

async function attempt(work) {
  settle();
  try {
    await work();
  } catch (problem) {
    tell(problem);
  }
}

const runs = () => state === 'streaming' || state === 'reconnecting';

function submit() {
  return attempt(async () => {
    if (runs()) {
      await call('POST', `/update-prompt/${video.id}`, { prompt: form.question() });
      return;
    }
    const settings = form.settings();
    answers.clear();
    plot.clear();
    asked = settings.prompt;
    stand('connecting');
    await call('POST', `/start-stream/${video.id}`, settings).catch((problem) => {
      // Stopped meanwhile, which is no problem.
      if (problem.status === 409 && state !== 'connecting') return;
      if (state === 'connecting') stand('ready');
      throw problem;
    });
  });
}

$('form').addEventListener('submit', (event) => {
  event.preventDefault();
  if (state === 'none') tell(new Problem('Choose a video or the webcam first.'));
  else if ($('start').getAttribute('aria-disabled') === 'false') submit();
});
form.onPreset(() => { if (runs()) submit(); });
$('stop').addEventListener('click', () => attempt(() => call('POST', `/stop-stream/${video.id}`)));
$('other').addEventListener('click', async () => {
  settle();
  if (sending) sending.abort();
  else await drop();
  $('file').focus();
});
$('file').addEventListener('change', () => {
  chooseFile($('file').files[0]);
  $('file').value = '';
});
$('webcam').addEventListener('click', () => open(() => fromWebcam(play)));
$('preview').addEventListener('error', () => {
  if ($('preview').src) noPreview('This browser can’t show this kind of video. It can be asked about all the same.');
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
// Without its page a webcam is of no use; a file can be come back to.
addEventListener('pagehide', () => {
  if (video?.kind === 'webcam') remove(`/webcam/${video.id}`);
});

// ---- the beginning ----

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

// After a reload.
async function rejoin() {
  const kept = JSON.parse(sessionStorage.getItem('session'));
  if (!kept || kept.instance !== health.instance) return;
  const session = await call('GET', `/sessions/${kept.id}`).catch(() => null);
  if (session?.source !== 'file') return;
  video = { id: kept.id, kind: 'file', end: () => {} };
  noPreview(`${session.filename} is on the server; its preview went with the page before this one.`);
  watch();
}

stand('none');
attempt(begin);
