// The plot of the latencies of the newest answers: small, and there only once there is an answer.

import { count, milliseconds } from './words.js';

const MAX_POINTS = 120;
const SVG_NAMESPACE = 'http://www.w3.org/2000/svg';
const MARGIN = 4;

const box = document.getElementById('latency');
const plot = document.getElementById('plot');
const figures = ['now', 'median', 'most', 'model'].map((name) => document.getElementById(`latency-${name}`));
let points = [];

export function clear() {
  points = [];
  draw();
}

export function add({ total_latency_ms: total, inference_latency_ms: model }) {
  if (total === undefined) return;
  points.push({ total, model });
  if (points.length > MAX_POINTS) points.shift();
}

export function draw() {
  box.hidden = points.length === 0;
  if (box.hidden) return;
  const totals = points.map((point) => point.total).sort((a, b) => a - b);
  const at = (part) => totals[Math.min(totals.length - 1, Math.floor(part * totals.length))];
  const newest = points.at(-1);
  const values = [newest.total, at(0.5), at(0.95), newest.model].map(milliseconds);
  figures.forEach((figure, index) => { figure.textContent = values[index] || '–'; });
  plot.setAttribute('aria-label', `Latency of the last ${count(points.length, 'answer')}: median ${values[1]}, 95 % at most ${values[2]}.`);

  const { clientWidth: width, clientHeight: height } = plot;
  const x = (index) => MARGIN + ((width - 2 * MARGIN) * index) / Math.max(1, points.length - 1);
  const y = (value) => height - MARGIN - (height - 2 * MARGIN) * (value / totals.at(-1));
  const svg = element('svg', {});
  svg.append(element('line', { x1: 0, x2: width, y1: y(0), y2: y(0), class: 'grid' }));
  for (const name of ['model', 'total']) {
    const line = points.map((point, index) => [x(index), y(point[name])]).filter(([, height]) => !Number.isNaN(height));
    svg.append(element('polyline', { points: line.map((place) => place.join()).join(' '), class: name }));
  }
  svg.append(element('circle', { cx: x(points.length - 1), cy: y(newest.total), r: 3, class: 'last' }));
  plot.replaceChildren(svg);
}

function element(name, attributes) {
  const made = document.createElementNS(SVG_NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

new ResizeObserver(draw).observe(plot);
