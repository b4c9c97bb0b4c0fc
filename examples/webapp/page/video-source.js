// The source of the video: an uploaded file or the webcam.

import { Problem, offer, upload } from './api.js';

const GATHERING_TIMEOUT_MS = 3000;

export async function fromFile(file, limits, signal, progress) {
  const extension = file.name.split('.').pop().toLowerCase();
  if (!limits.extensions.includes(extension)) {
    throw new Problem(`${file.name} is not an accepted video format. Choose a file that ends in .${limits.extensions.join(', .')}.`);
  }
  if (file.size > limits.max_upload_bytes) {
    throw new Problem(`${file.name} is too large. The limit is ${megabytes(limits.max_upload_bytes)}.`);
  }
  const { session_id: id } = await upload(file, signal, progress);
  return { id, kind: 'file', end: () => {} };
}

export async function fromWebcam(preview) {
  if (!navigator.mediaDevices) {
    throw new Problem('Browsers allow the webcam on secure pages only. Open this page by https, or as http://localhost.');
  }
  let stream;
  try {
    const video = { width: { ideal: 1280 }, height: { ideal: 720 } };
    stream = await navigator.mediaDevices.getUserMedia({ video });
  } catch (error) {
    throw new Problem(whyNoCamera(error));
  }
  const peer = new RTCPeerConnection();
  const end = () => {
    peer.close();
    stream.getTracks().forEach((track) => track.stop());
  };
  try {
    const [track] = stream.getVideoTracks();
    track.contentHint = 'detail';
    peer.addTransceiver(track, { direction: 'sendonly', streams: [stream] });
    await peer.setLocalDescription();
    await gathered(peer);
    const { id, answer } = await offer(peer.localDescription.sdp);
    await peer.setRemoteDescription({ type: 'answer', sdp: answer });
    preview(stream);
    return { id, kind: 'webcam', end };
  } catch (error) {
    end();
    throw error;
  }
}

export function megabytes(bytes) {
  return bytes < 1 << 20 ? `${bytes} bytes` : `${Math.round(bytes / (1 << 20))} MB`;
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
      return 'No webcam was found.';
    case 'NotReadableError':
      return 'The webcam is in use by another program.';
    default:
      return `The webcam cannot be used: ${error.message}`;
  }
}
