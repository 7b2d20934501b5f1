/* dom.js - elements out of words. Text is always text: what a heap calls things is for others to choose. */
'use strict';

const byId = (id) => document.getElementById(id);

/* el('p', {class: 'soft'}, 'text', child, ...); children that are null are left out. */
function el(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function svg(tag, attributes, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/* A name out of the heap: it may be written from right to left, and must not turn what stands around it. */
const named = (text) => el('bdi', {}, String(text));

/* `columns`: [title, ...]; `rows`: [[text, ...], ...]. It can be scrolled with the keyboard too. */
function table(title, columns, rows, note) {
  const head = el('thead', {}, el('tr', {}, columns.map((name) => el('th', { scope: 'col' }, name))));
  const body = el('tbody', {}, rows.map((row) => el('tr', {}, row.map((cell) => el('td', {}, cell)))));
  const caption = el('caption', {}, note ? `${title}: ${note}` : title);
  return el('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': title }, el('table', {}, caption, head, body));
}

/* Something that is made when somebody opens it, so that a page of long tables opens at once. */
function folded(summary, make) {
  const details = el('details', {}, el('summary', {}, summary));
  details.addEventListener('toggle', () => {
    if (details.open && details.childElementCount === 1) details.append(...[make()].flat());
  });
  return details;
}

function definitions(pairs) {
  return el('dl', { class: 'settings' }, pairs.filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value instanceof Node ? value : named(value)))));
}
