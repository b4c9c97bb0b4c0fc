// The plot of the latencies of the newest answers.

import { milliseconds } from './answers.js';

const MAX_POINTS = 120;
const SVG_NAMESPACE = 'http://www.w3.org/2000/svg';
const LEFT = 52;
const BOTTOM = 6;
const TOP = 8;

const plot = document.getElementById('plot');
const figures = ['now', 'median', 'most'].map((name) => document.getElementById(`latency-${name}`));
let points = [];

export function clear() {
  points = [];
  draw();
}

export function add({ total_latency_ms: total, inference_latency_ms: model }) {
  if (total === undefined) return;
  points.push({ total, model });
  if (points.length > MAX_POINTS) points.shift();
  draw();
}

function draw() {
  const totals = points.map((point) => point.total).sort((a, b) => a - b);
  const at = (part) => totals[Math.min(totals.length - 1, Math.floor(part * totals.length))];
  const values = points.length ? [points.at(-1).total, at(0.5), at(0.95)].map(milliseconds) : ['–', '–', '–'];
  figures.forEach((figure, index) => { figure.textContent = values[index]; });
  plot.setAttribute('aria-label', points.length
    ? `Latency of the last ${points.length} answers: median ${values[1]}, 95 % at most ${values[2]}.`
    : 'No answers yet.');

  const { clientWidth: width, clientHeight: height } = plot;
  const top = ceiling(totals.at(-1) ?? 100);
  const x = (index) => LEFT + (width - LEFT - 6) * (points.length < 2 ? 1 : index / (points.length - 1));
  const y = (value) => height - BOTTOM - (height - BOTTOM - TOP) * (value / top);
  const svg = element('svg', {});
  for (const value of [0, top / 2, top]) {
    svg.append(element('line', { x1: LEFT, x2: width, y1: y(value), y2: y(value), class: 'grid' }));
    const label = element('text', { x: LEFT - 8, y: y(value) + 4, 'text-anchor': 'end' });
    label.textContent = milliseconds(value);
    svg.append(label);
  }
  for (const name of ['model', 'total']) {
    const line = points.map((point, index) => [x(index), y(point[name])]).filter(([, at]) => !Number.isNaN(at));
    svg.append(element('polyline', { points: line.map((place) => place.join()).join(' '), class: name }));
  }
  if (points.length) svg.append(element('circle', { cx: x(points.length - 1), cy: y(points.at(-1).total), r: 3.5, class: 'last' }));
  plot.replaceChildren(svg);
}

// Rounds up to the next of 10, 20, 50, 100, …
function ceiling(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value);
}

function element(name, attributes) {
  const made = document.createElementNS(SVG_NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

new ResizeObserver(draw).observe(plot);
