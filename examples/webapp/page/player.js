// The video on the page. While a stream runs, it follows the place where the stream is. It is an uploaded file, from
// this machine or from the server, a webcam, or the frames that are sent if the browser cannot show the file.

import { bytes, place } from './words.js';

// A browser's player is never exact, and correcting it jerks.
const MAX_DRIFT_SECONDS = 0.8;

const $ = (id) => document.getElementById(id);
const preview = $('preview');
const frames = $('frames');
const bar = $('player');
const seekBar = $('seek');

let shown = null; // { id, info, unshowable }
let running = false;
let following = true;
let stream = null; // { seconds, at }: where the stream was, and when

export const canSeek = () => Boolean(shown?.info.video) && !shown.unshowable;

// `info` is what the server knows of the session. `local` is the file or the camera, if it is on this page.
export function show(info, local) {
  hide();
  shown = { id: info.session_id, info, unshowable: false };
  const { video } = info;
  const facts = [info.filename];
  if (video?.width) facts.push(`${video.width} × ${video.height}`);
  if (video?.duration_seconds) facts.push(place(video.duration_seconds));
  if (info.file_size) facts.push(bytes(info.file_size));
  $('facts').replaceChildren(...facts.filter(Boolean).map((fact, index) => {
    const part = document.createElement('span');
    part.className = index ? 'fact' : 'fact name';
    part.textContent = fact;
    if (!index) part.title = fact;
    return part;
  }));
  $('sound').hidden = !video?.has_audio;
  if (local instanceof MediaStream) {
    preview.hidden = false;
    preview.srcObject = local;
    preview.play().catch(() => {});
  } else if (video) {
    preview.hidden = false;
    preview.src = local ? URL.createObjectURL(local) : `/sessions/${shown.id}/video`;
  } else {
    shown.unshowable = true;
    showFrames();
  }
  seekBar.max = video?.duration_seconds ?? 0;
  draw();
}

export function hide() {
  if (preview.src.startsWith('blob:')) URL.revokeObjectURL(preview.src);
  preview.srcObject = null;
  preview.removeAttribute('src');
  preview.load();
  frames.removeAttribute('src');
  preview.hidden = frames.hidden = $('no-preview').hidden = bar.hidden = true;
  $('facts').replaceChildren();
  shown = null;
  stream = null;
  following = true;
}

// The state of the stream changed.
export function setRunning(now) {
  if (now && !running) following = true;
  if (!now) stream = null;
  running = now;
  if (!shown) return;
  if (shown.unshowable) showFrames();
  if (canSeek() && !running) preview.pause();
  draw();
}

// The server says where the stream is in the file.
export function setPosition(seconds) {
  if (seconds === undefined || !running) return;
  stream = { seconds, at: performance.now() };
  follow();
}

export function seekTo(seconds) {
  if (!canSeek()) return;
  following = !running;
  preview.currentTime = seconds;
  preview.pause();
  draw();
}

function follow() {
  if (!canSeek() || !running || !following || !stream) return;
  const now = streamPlace();
  if (now < (preview.duration || Infinity)) {
    if (Math.abs(preview.currentTime - now) > MAX_DRIFT_SECONDS) preview.currentTime = now;
    if (preview.paused) preview.play().catch(() => {});
  }
  draw();
}

const streamPlace = () => stream.seconds + (performance.now() - stream.at) / 1000;

function draw() {
  const seekable = canSeek();
  bar.hidden = !seekable && !shown?.unshowable;
  for (const id of ['play', 'seek', 'sound']) $(id).classList.toggle('off', !seekable);
  $('live').hidden = !(seekable && running && !following);
  const duration = shown?.info.video?.duration_seconds;
  const now = seekable ? preview.currentTime : stream ? streamPlace() : 0;
  const until = duration ? ` / ${place(duration)}` : '';
  $('position').textContent = place(Math.min(now, duration ?? now)) + until;
  if (document.activeElement !== seekBar || running) seekBar.value = now;
  seekBar.setAttribute('aria-valuetext', $('position').textContent);
  $('play').textContent = preview.paused ? '▶' : '❚❚';
  $('play').setAttribute('aria-label', preview.paused ? 'Play' : 'Pause');
  $('mute').setAttribute('aria-pressed', String(preview.muted));
  $('mute').textContent = preview.muted ? 'Sound off' : 'Sound on';
}

function showFrames() {
  if (!running) {
    if (!frames.hidden) return; // The last frame stays.
    const why = shown.info.video ? 'This browser cannot show this format. ' : '';
    say(`${why}The frames that are sent appear here while it runs.`);
    return;
  }
  $('no-preview').hidden = true;
  frames.hidden = false;
  frames.src = `/sessions/${shown.id}/frames`;
}

function say(sentence) {
  preview.hidden = true;
  $('no-preview').textContent = sentence;
  $('no-preview').hidden = false;
}

// A codec that the browser lacks is an error, or a video without a picture.
function onUnshowable() {
  if (!shown?.info.video || shown.unshowable) return;
  shown.unshowable = true;
  preview.hidden = true;
  preview.removeAttribute('src');
  showFrames();
  draw();
}
preview.addEventListener('error', () => { if (preview.src) onUnshowable(); });
preview.addEventListener('loadedmetadata', () => {
  if (preview.src && preview.videoWidth === 0) onUnshowable();
  else follow();
});
// Frames that are sent come without events.
setInterval(() => { if (running && shown?.unshowable) draw(); }, 500);
for (const name of ['timeupdate', 'play', 'pause', 'volumechange', 'seeked']) preview.addEventListener(name, draw);

seekBar.addEventListener('input', () => seekTo(seekBar.valueAsNumber));
$('play').addEventListener('click', () => {
  if (preview.paused) preview.play().catch(() => {});
  else {
    following = false;
    preview.pause();
  }
  draw();
});
$('live').addEventListener('click', () => {
  following = true;
  follow();
  draw();
});
$('mute').addEventListener('click', () => {
  preview.muted = !preview.muted;
  if (!preview.muted && preview.volume === 0) preview.volume = $('volume').value = 1;
});
$('volume').addEventListener('input', () => {
  preview.volume = $('volume').valueAsNumber;
  preview.muted = preview.volume === 0;
});
