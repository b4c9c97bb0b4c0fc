// The page: what the server knows of one session, and the user's actions.

import { Problem, call, onLogin, remove } from './api.js';
import * as answers from './answers.js';
import { showDownloads, showEarlier, showService, showUsage } from './facts.js';
import * as form from './form.js';
import * as plot from './latency-plot.js';
import { logIn } from './login.js';
import * as notices from './notices.js';
import * as player from './player.js';
import { SessionSocket } from './session-socket.js';
import * as sessions from './sessions.js';
import { fromFile, fromUrl, fromWebcam, onDrop, onUrl, showCameras } from './video-source.js';
import { RUNNING, STATE_NAMES, brief, bytes } from './words.js';

const $ = (id) => document.getElementById(id);
const STARTABLE = ['ready', 'ended', 'failed'];
// The warning that the server ends by itself.
const STORE_WARNING = 'answers-store';
const STORED_PAGE = 500;

let health;
let video = null; // { id, kind, local, end }
let uploading = null; // aborts the upload
let socket = null;
let state = 'none';
let asked = null; // the question that the server asks
let startAt = 0; // where in the file the stream begins
let sentPrompt = null; // a change that the service has not accepted yet

const isRunning = () => RUNNING.includes(state);

function showState(now, reason = '') {
  state = now;
  $('state').textContent = STATE_NAMES[now];
  $('reason').textContent = brief(now, reason);
  notices.setReconnecting(now === 'reconnecting' ? reason : null);
  $('dot').className = `dot ${now}`;
  const runs = isRunning();
  if (!runs && document.activeElement === $('stop')) $('start').focus();
  $('stop').disabled = !runs;
  $('other').hidden = !video && !uploading;
  $('other').textContent = uploading ? 'Cancel' : 'Another video';
  $('choose').hidden = Boolean(video) || now === 'opening';
  $('camera').disabled = now === 'opening';
  form.lock(runs || now === 'stopping' || now === 'lost');
  if (now !== 'lost') player.setRunning(runs);
  if (!runs) {
    answers.dropPartial();
    form.refocus();
  }
  showUnsent();
}

// A question that is only typed must not look like the one that is asked.
function showUnsent() {
  const runs = isRunning();
  const edited = runs && $('prompt').value.trim() !== asked;
  const waits = runs && sentPrompt !== null;
  $('unsent').textContent = waits ? 'Sending…' : edited ? 'Not sent yet' : '';
  $('form').classList.toggle('edited', edited && !waits);
  $('start').textContent = runs ? 'Ask this' : 'Start';
  const enabled = STARTABLE.includes(state) || (edited && !waits && state !== 'connecting');
  // aria-disabled instead of disabled: the button keeps the focus while the stream connects.
  $('start').setAttribute('aria-disabled', String(!enabled));
}

function showProblem(problem) {
  notices.showProblem(problem.message, (problem.sessions ?? []).map(sessions.entry));
  if (problem.field) form.mark(problem.field);
}

// ---- choice of the video ----

async function open(make) {
  notices.hideProblem();
  await closeSession();
  showState('opening');
  try {
    // The server may have been restarted.
    health = await call('GET', '/');
    showService(health, video);
    const made = await make();
    const info = await call('GET', `/sessions/${made.id}`);
    take(made, info);
    showState('ready');
    $('start').focus();
  } catch (problem) {
    uploading = null;
    showState('none');
    if (problem.name !== 'AbortError') showProblem(problem);
  }
  $('sending').hidden = true;
}

function take(made, info) {
  video = { ...made, hasFile: Boolean(info.video) };
  history.replaceState(null, '', `#${made.id}`);
  showDownloads(made.id);
  player.show(info, made.local);
  showService(health, video);
  watch();
}

function chooseFile(file) {
  if (!file || uploading) return;
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
    return made;
  });
}

function watch() {
  let messages = Promise.resolve();
  const own = new SessionSocket(video.id, health.instance, {
    // One after the other: some wait for answers that this page does not have.
    onMessage: (message) => {
      messages = messages.then(() => (socket === own ? onMessage(message) : undefined)).catch(showProblem);
    },
    onLost: () => showState('lost', 'Connecting again.'),
    onClosed: (reason) => {
      leave();
      showProblem(new Problem(reason || 'The session is closed. Choose the video again.'));
    },
  });
  socket = own;
}

// Closes the session, here and at the server. Its answers stay stored.
async function closeSession() {
  const old = video;
  leave();
  answers.clear();
  plot.clear();
  history.replaceState(null, '', location.pathname);
  if (old) await remove(`/sessions/${old.id}`);
  showEarlier();
}

// The answers stay on the page.
function leave() {
  socket?.end();
  socket = null;
  video?.end();
  video = null;
  asked = sentPrompt = null;
  player.hide();
  showCameras(video);
  notices.clearWarnings();
  showUsage(null);
  showState('none');
}

// ---- messages of the server ----

function onMessage(message) {
  switch (message.type) {
    case 'session':
      return onSession(message);
    case 'state':
      return onState(message.state, message.reason);
    case 'result':
      onResult(message);
      break;
    case 'alert':
      answers.note(`Alert “${message.name}” ${message.raised ? 'begins' : 'ends'}${message.result ? `: ${message.result}` : '.'}`);
      break;
    case 'partial':
      answers.showPartial(message.text);
      break;
    case 'prompt':
      onPrompt(message.prompt);
      break;
    case 'heartbeat':
      showUsage(message.usage);
      player.setPosition(message.position_seconds);
      break;
    case 'dropped':
      return catchUp();
    case 'warning':
      notices.warn(message.message, message.about);
      break;
    case 'over':
      notices.over(message.about);
      break;
    case 'error':
      showProblem(new Problem(message.message, 0, message));
      break;
  }
  return undefined;
}

async function onSession(session) {
  if (session.results.length && session.results[0].id > answers.newest() + 1) await catchUp();
  for (const result of session.results) addResult(result, true);
  plot.draw();
  const first = asked === null && state !== 'ready';
  // The first message may be older than a start on this page.
  asked = session.prompt ?? (isRunning() ? asked : null);
  if (session.settings && (first || isRunning())) form.fill(session.settings);
  if (asked && first) $('prompt').value = asked;
  if (asked && RUNNING.includes(session.state)) answers.ask(asked);
  notices.clearWarnings();
  for (const warning of session.warnings ?? []) notices.warn(warning);
  if (session.store_warning) notices.warn(session.store_warning, STORE_WARNING);
  if (session.state === 'failed' && session.error) notices.showProblem(session.error.message);
  if (session.prompt || !isRunning()) showState(session.state, session.reason);
  showUsage(session.usage);
  player.setPosition(session.position_seconds);
}

// Gets the answers that this page does not have.
async function catchUp() {
  const path = `/sessions/${video.id}/answers?after=${answers.newest()}&newest=${STORED_PAGE}`;
  const stored = await call('GET', path).catch((problem) => {
    if (problem.status !== 404) throw problem;
    return { answers: [] };
  });
  for (const result of stored.answers) addResult(result, true);
}

async function onState(now, reason) {
  if (now === 'connecting' && !isRunning()) await learnSettings();
  if (now === 'streaming') {
    if (state === 'connecting') player.setPosition(startAt);
    // The problem is over.
    notices.hideProblem();
  }
  if (STARTABLE.includes(now)) notices.clearWarnings();
  showState(now, reason);
}

// Another page has started the stream.
async function learnSettings() {
  const session = await call('GET', `/sessions/${video.id}`);
  if (!session.settings) return;
  form.fill(session.settings);
  asked = $('prompt').value = session.prompt;
  startAt = session.settings.start_at ?? 0;
  answers.ask(asked);
}

function onPrompt(prompt) {
  // The service did not take the change, or another page made one and this page has none of its own.
  if (sentPrompt !== null ? prompt !== sentPrompt : $('prompt').value.trim() === asked) $('prompt').value = sentPrompt ?? prompt;
  sentPrompt = null;
  asked = prompt;
  answers.ask(prompt);
  showUnsent();
}

function onResult(result) {
  addResult(result, false);
  plot.draw();
  if (result.ok !== false) notices.settle([STORE_WARNING]);
}

function addResult(result, old) {
  if (answers.add(result, { old })) plot.add(result);
}

// ---- user actions ----

async function attempt(work) {
  notices.hideProblem();
  try {
    await work();
  } catch (problem) {
    showProblem(problem);
  }
}

function submit() {
  if (state === 'none') {
    showProblem(new Problem('Choose a video or the webcam first.'));
    return undefined;
  }
  if ($('start').getAttribute('aria-disabled') === 'true') return undefined;
  return attempt(isRunning() ? changeQuestion : start);
}

async function changeQuestion() {
  sentPrompt = form.question();
  showUnsent();
  try {
    await call('POST', `/update-prompt/${video.id}`, { prompt: sentPrompt });
  } catch (problem) {
    sentPrompt = null;
    showUnsent();
    throw problem;
  }
}

async function start() {
  const settings = form.settings();
  asked = settings.prompt;
  startAt = settings.start_at ?? 0;
  answers.ask(asked);
  showState('connecting');
  try {
    const started = await call('POST', `/start-stream/${video.id}`, settings);
    for (const warning of started.warnings ?? []) notices.warn(warning);
  } catch (problem) {
    // The user stopped it meanwhile. That is not a problem.
    if (problem.status === 409 && state !== 'connecting') return;
    if (state === 'connecting') showState('ready');
    throw problem;
  }
}

$('form').addEventListener('submit', (event) => {
  event.preventDefault();
  submit();
});
$('prompt').addEventListener('input', showUnsent);
$('prompt').addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    submit();
  }
});
form.onPreset(() => { if (isRunning()) submit(); });
$('stop').addEventListener('click', () => attempt(() => call('POST', `/stop-stream/${video.id}`)));
$('other').addEventListener('click', async () => {
  notices.hideProblem();
  if (uploading) uploading.abort();
  else await closeSession();
  $('file').focus();
});
$('file').addEventListener('change', () => {
  chooseFile($('file').files[0]);
  $('file').value = '';
});
$('webcam').addEventListener('click', async () => {
  await open(() => fromWebcam($('camera').value));
  await showCameras(video);
});
$('camera').addEventListener('change', () => attempt(async () => {
  if (video?.change) $('preview').srcObject = await video.change($('camera').value);
}));
onUrl((url) => open(() => fromUrl(url)));
onDrop((file) => { if (state !== 'opening') chooseFile(file); });
// Without its page a webcam sends no video, so close the session. A file session stays for a reload.
addEventListener('pagehide', () => {
  if (video?.kind === 'webcam' && video.local) remove(`/webcam/${video.id}`);
});
addEventListener('hashchange', () => attempt(async () => {
  const id = location.hash.slice(1);
  if (id === video?.id) return;
  leave();
  answers.clear();
  plot.clear();
  if (id) await rejoin(id);
}));

// ---- start ----

async function begin() {
  health = await call('GET', '/');
  // Only calls besides this one need the password.
  if (health.login) await call('GET', '/sessions');
  $('file').accept = health.extensions.map((extension) => `.${extension}`).join();
  $('kinds').textContent = `${health.extensions.join(', ')}, up to ${bytes(health.max_upload_bytes)}`;
  showService(health, video);
  showCameras(video);
  const id = location.hash.slice(1);
  const models = form.loadModels().then((api) => showService(health, video, api));
  await Promise.all([models, id ? rejoin(id) : showEarlier()]);
}

// Shows a session again: after a reload, in another tab, or from the list. Of an ended one there are the answers.
async function rejoin(id) {
  try {
    const info = await call('GET', `/sessions/${id}`);
    take({ id, kind: info.source, local: null, end: () => {} }, info);
  } catch (problem) {
    if (problem.status !== 404) throw problem;
    const stored = await call('GET', `/sessions/${id}/answers?newest=${STORED_PAGE}`).catch(() => null);
    if (!stored) throw problem;
    showDownloads(id);
    for (const result of stored.answers) addResult(result, true);
    plot.draw();
    $('reason').textContent = `The session of ${sessions.nameOf(stored)} has ended. These are its answers.`;
  }
}

onLogin(logIn);
answers.onSeek(player.canSeek, player.seekTo);
sessions.start(() => video?.id);
showState('none');
attempt(begin);
