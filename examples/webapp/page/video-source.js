// The source of the video: an uploaded file or the webcam.
// Each is `{ id, kind, local, end }`: the session, and what this page can show of it.

import { Problem, call, offer, upload } from './api.js';
import { bytes } from './words.js';

const GATHERING_TIMEOUT_MS = 3000;

export async function fromFile(file, limits, signal, progress) {
  const extension = file.name.split('.').pop().toLowerCase();
  if (!limits.extensions.includes(extension)) {
    throw new Problem(`${file.name} is not an accepted video format. Choose a file that ends in .${limits.extensions.join(', .')}.`);
  }
  if (file.size > limits.max_upload_bytes) {
    throw new Problem(`${file.name} is too large. The limit is ${bytes(limits.max_upload_bytes)}.`);
  }
  const { session_id: id } = await upload(file, signal, progress);
  return { id, kind: 'file', local: file, end: () => {} };
}

// `camera` is the id of a device, or which side of a phone it looks at: `user` or `environment`.
export async function fromWebcam(camera) {
  if (!navigator.mediaDevices) {
    throw new Problem('Browsers allow the webcam on secure pages only. Open this page by https, or as http://localhost.');
  }
  let stream = await openCamera(camera);
  const peer = new RTCPeerConnection();
  const end = () => {
    peer.close();
    stream.getTracks().forEach((track) => track.stop());
  };
  try {
    const [track] = stream.getVideoTracks();
    const transceiver = peer.addTransceiver(track, { direction: 'sendonly', streams: [stream] });
    await peer.setLocalDescription();
    await gathered(peer);
    const { id, answer } = await offer(peer.localDescription.sdp);
    await peer.setRemoteDescription({ type: 'answer', sdp: answer });
    // Another camera takes over while the stream runs.
    const change = async (other) => {
      const old = stream;
      const stop = () => old.getTracks().forEach((ended) => ended.stop());
      stream = await openCamera(other).catch(() => {
        // Many phones have one camera at a time.
        stop();
        return openCamera(other);
      });
      await transceiver.sender.replaceTrack(stream.getVideoTracks()[0]);
      stop();
      return stream;
    };
    return { id, kind: 'webcam', local: stream, change, end };
  } catch (error) {
    end();
    throw error;
  }
}

async function openCamera(camera) {
  const video = { width: { ideal: 1280 }, height: { ideal: 720 } };
  if (['user', 'environment'].includes(camera)) video.facingMode = { ideal: camera };
  else if (camera) video.deviceId = { exact: camera };
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video });
    stream.getVideoTracks()[0].contentHint = 'detail';
    return stream;
  } catch (error) {
    throw new Problem(whyNoCamera(error));
  }
}

// The cameras for the list. Browsers give names only after the first use was allowed; until then phones are offered
// their two sides.
async function cameras() {
  const devices = await navigator.mediaDevices?.enumerateDevices().catch(() => []) ?? [];
  const found = devices.filter(({ kind, deviceId }) => kind === 'videoinput' && deviceId);
  if (found.length > 1 && found.every(({ label }) => label)) {
    return found.map(({ deviceId, label }) => ({ value: deviceId, label }));
  }
  if (!matchMedia('(pointer: coarse)').matches) return [];
  return [{ value: 'user', label: 'Front camera' }, { value: 'environment', label: 'Back camera' }];
}

// The offer contains all candidates. Candidates that take too long are left out.
function gathered(peer) {
  return new Promise((resolve) => {
    const check = () => {
      if (peer.iceGatheringState === 'complete') resolve();
    };
    peer.addEventListener('icegatheringstatechange', check);
    setTimeout(resolve, GATHERING_TIMEOUT_MS);
    check();
  });
}

function whyNoCamera(error) {
  switch (error.name) {
    case 'NotAllowedError':
      return 'The webcam was not allowed. Allow it next to the address bar and try again.';
    case 'NotFoundError':
    case 'OverconstrainedError':
      return 'No webcam was found.';
    case 'NotReadableError':
      return 'The webcam is in use by another program.';
    default:
      return `The webcam cannot be used: ${error.message}`;
  }
}

// The list of cameras is beside the button that opens one, and later beside the video.
export async function showCameras(video) {
  const list = document.getElementById('camera');
  const found = await cameras();
  const chosen = list.value;
  list.replaceChildren(...found.map(({ value, label }) => new Option(label, value)));
  if (found.some(({ value }) => value === chosen)) list.value = chosen;
  list.hidden = found.length < 2 || (video !== null && video.kind !== 'webcam');
  if (video) document.getElementById('other').before(list);
  else document.getElementById('webcam').after(list);
}

export async function fromUrl(url) {
  const { session_id: id } = await call('POST', '/watch-url', { url });
  return { id, kind: 'url', end: () => {} };
}

export function onUrl(take) {
  document.getElementById('url-form').addEventListener('submit', (event) => {
    event.preventDefault();
    const field = document.getElementById('url');
    if (field.value.trim()) take(field.value.trim());
    else field.focus();
  });
}

// A video may be dropped anywhere: beside the box, a browser would leave the page and show it.
export function onDrop(take) {
  const screen = document.getElementById('screen');
  const hasFile = (event) => event.dataTransfer?.types.includes('Files');
  addEventListener('dragover', (event) => {
    if (!hasFile(event)) return;
    event.preventDefault();
    screen.classList.add('over');
  });
  addEventListener('dragleave', (event) => {
    if (!event.relatedTarget) screen.classList.remove('over');
  });
  addEventListener('drop', (event) => {
    if (!hasFile(event)) return;
    event.preventDefault();
    screen.classList.remove('over');
    take(event.dataTransfer.files[0]);
  });
}
