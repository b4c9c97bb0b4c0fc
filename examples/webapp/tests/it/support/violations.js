// Lists what axe-core finds. The contrast is left out: faint.js finds it in more states.
const only = { resultTypes: ['violations'], rules: { 'color-contrast': { enabled: false } } };
return axe.run(document, only).then(({ violations }) => violations
  .flatMap(({ id, help, nodes }) => nodes.map(({ html }) => `${id}: ${help}: ${html.slice(0, 120)}`))
  .join('\n'));
