// Lists the texts with too little contrast, except texts of disabled elements and over videos.
const parts = (colour) => (colour.match(/[\d.]+/g) ?? []).map(Number);
const luminance = (colour) => parts(colour).slice(0, 3)
  .map((part) => part / 255)
  .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
  .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
const behind = (element) => {
  for (let e = element; e; e = e.parentElement) {
    const colour = getComputedStyle(e).backgroundColor;
    if ((parts(colour)[3] ?? 1) === 1) return colour;
  }
  return 'rgb(255, 255, 255)';
};
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const faint = new Set();
while (texts.nextNode()) {
  const element = texts.currentNode.parentElement;
  if (!texts.currentNode.data.trim() || !element.checkVisibility()) continue;
  if (element.closest('.unseen, :disabled, [aria-disabled="true"], .latest, noscript')) continue;
  const style = getComputedStyle(element);
  const [a, b] = [luminance(element.closest('svg') ? style.fill : style.color), luminance(behind(element))];
  const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (contrast < 4.5) faint.add(`${contrast.toFixed(2)} ${texts.currentNode.data.trim()}`);
}
return [...faint].join('\n');
