// Where the video comes from: a file that is uploaded, or the webcam.

import { Problem, offer, upload } from './api.js';

const GATHERING = 3000;

export async function fromFile(file, limits, signal, progress) {
  const extension = file.name.split('.').pop().toLowerCase();
  if (!limits.extensions.includes(extension)) {
    throw new Problem(`${file.name} is no video of a kind that is taken: choose one that ends in .${limits.extensions.join(', .')}.`);
  }
  if (file.size > limits.max_upload_bytes) {
    throw new Problem(`${file.name} is too large: it may have ${megabytes(limits.max_upload_bytes)} at the most.`);
  }
  const { session_id: id } = await upload(file, signal, progress);
  return { id, kind: 'file', end: () => {} };
}

export async function fromWebcam(preview) {
  if (!navigator.mediaDevices) {
    throw new Problem('Browsers give the webcam to secure pages only: open this one by https, or as http://localhost.');
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

// All candidates go with the offer. A few that take long are done without.
function gathered(peer) {
  return new Promise((resolve) => {
    const check = () => {
      if (peer.iceGatheringState === 'complete') resolve();
    };
    peer.addEventListener('icegatheringstatechange', check);
    setTimeout(resolve, GATHERING);
    check();
  });
}

function whyNoCamera(error) {
  switch (error.name) {
    case 'NotAllowedError':
      return 'The webcam was not allowed: allow it beside the address, and try again.';
    case 'NotFoundError':
      return 'There is no webcam here.';
    case 'NotReadableError':
      return 'The webcam is in use by another program.';
    default:
      return `The webcam can’t be used: ${error.message}`;
  }
}
