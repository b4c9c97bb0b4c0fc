// The simple Markdown that models write, as elements. Text only ever becomes text nodes, so no answer can run a script,
// load a picture or show a link to elsewhere.

const BLOCK = /^(?:```|#{1,6}\s|\s*[-*+]\s|\s*\d{1,3}[.)]\s)/;
const INLINE = /`([^`]+)`|\*\*(?=\S)(.+?\S)\*\*(?!\*)|__(?=\S)(.+?\S)__|(?<![\w*])[*_](?=[^\s*_])([^*_]*[^\s*_])[*_](?![\w*])/;

export function render(text) {
  const parts = document.createDocumentFragment();
  const lines = text.replace(/\r\n?/g, '\n').split('\n');
  let at = 0;
  while (at < lines.length) {
    const line = lines[at];
    if (!line.trim()) {
      at += 1;
    } else if (line.startsWith('```')) {
      const end = lines.findIndex((other, index) => index > at && other.startsWith('```'));
      const last = end < 0 ? lines.length : end;
      const code = document.createElement('pre');
      code.textContent = lines.slice(at + 1, last).join('\n');
      parts.append(code);
      at = last + 1;
    } else if (/^#{1,6}\s/.test(line)) {
      parts.append(element('p', line.replace(/^#+\s+/, ''), 'heading'));
      at += 1;
    } else if (BLOCK.test(line)) {
      at = list(lines, at, parts);
    } else {
      let end = at + 1;
      while (end < lines.length && lines[end].trim() && !BLOCK.test(lines[end])) end += 1;
      const paragraph = document.createElement('p');
      lines.slice(at, end).forEach((part, index) => {
        if (index) paragraph.append(document.createElement('br'));
        inline(paragraph, part);
      });
      parts.append(paragraph);
      at = end;
    }
  }
  return parts;
}

function list(lines, at, parts) {
  const ordered = /^\s*\d/.test(lines[at]);
  const item = ordered ? /^\s*(\d{1,3})[.)]\s+(.*)/ : /^\s*([-*+])\s+(.*)/;
  const made = document.createElement(ordered ? 'ol' : 'ul');
  if (ordered) made.start = Number(item.exec(lines[at])?.[1] ?? 1);
  let index = at;
  for (; index < lines.length && item.test(lines[index]); index += 1) {
    made.append(element('li', item.exec(lines[index])[2]));
  }
  if (index === at) {
    // A marker without a text.
    parts.append(element('p', lines[at]));
    return at + 1;
  }
  parts.append(made);
  return index;
}

function inline(parent, text) {
  let rest = text;
  for (let found = INLINE.exec(rest); found; found = INLINE.exec(rest)) {
    const [all, code, bold, strong, emphasis] = found;
    parent.append(rest.slice(0, found.index));
    const made = document.createElement(code ? 'code' : bold || strong ? 'strong' : 'em');
    if (code) made.textContent = code;
    else inline(made, bold ?? strong ?? emphasis);
    parent.append(made);
    rest = rest.slice(found.index + all.length);
  }
  parent.append(rest);
}

function element(name, text, style) {
  const made = document.createElement(name);
  if (style) made.className = style;
  inline(made, text);
  return made;
}
