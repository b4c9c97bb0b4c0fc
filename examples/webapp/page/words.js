// States, numbers and times as people read them.

export const STATE_NAMES = {
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
export const RUNNING = ['connecting', 'streaming', 'reconnecting'];

// What is said beside the state. Reasons that are long have a banner.
export function brief(state, reason = '') {
  if (state === 'failed') return '';
  return state === 'reconnecting' ? 'Answers will go on.' : reason;
}

export function milliseconds(value) {
  if (value === undefined) return '';
  return value < 10000 ? `${Math.round(value)} ms` : `${Math.round(value / 1000)} s`;
}

// A place in a video: 0:07, 12:34, 1:02:03.
export function place(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const two = (number) => String(number).padStart(2, '0');
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

export function bytes(size) {
  const mega = size / (1 << 20);
  if (size < 1024) return count(size, 'byte');
  if (mega < 1) return `${Math.round(size / 1024)} kB`;
  return `${mega.toFixed(mega < 10 ? 1 : 0)} MB`;
}

export function clock(time) {
  return new Date(time).toLocaleTimeString();
}

// With the day, if it is not today.
export function moment(time) {
  const date = new Date(time);
  const today = date.toDateString() === new Date().toDateString();
  return today ? date.toLocaleTimeString() : date.toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' });
}

export function money(cents) {
  const dollars = cents / 100;
  const digits = dollars !== 0 && Math.abs(dollars) < 0.1 ? 4 : 2;
  return `$${dollars.toFixed(digits)}`;
}

export function count(number, thing) {
  return `${number} ${thing}${number === 1 ? '' : 's'}`;
}

export function make(name, text = '', style = '') {
  const element = document.createElement(name);
  element.textContent = text;
  if (style) element.className = style;
  return element;
}
