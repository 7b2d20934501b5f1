/* verdict.js - the verdict first: what it is, how sure that is, where it comes from. */
'use strict';

const TONES = {
  leak: { word: 'Leak', path: 'M12 3s7 7.6 7 12a7 7 0 0 1-14 0c0-4.4 7-12 7-12zM9 15.5a3 3 0 0 0 3 3' },
  well: { word: 'No leak', path: 'M12 2.5l8 3v6c0 5-3.4 8.4-8 10-4.6-1.6-8-5-8-10v-6zM8 12l3 3 5.5-6' },
  open: { word: 'Not known', path: 'M12 2.5a9.5 9.5 0 1 0 .01 0zM9 9.3a3 3 0 1 1 4.4 2.6c-1 .6-1.4 1.1-1.4 2.1M12 17.4v.01' },
};

const toneOf = (verdict) => verdict.leak === true ? 'leak' : verdict.leak === false ? 'well' : 'open';

/* Where the slope lies, and whether 0 is among what it may be. */
function gauge(v) {
  const { slope_bytes_per_s: slope, slope_low: low, slope_high: high } = v;
  if (![slope, low, high].every(isNumber)) return null;
  const from = Math.min(low, 0), to = Math.max(high, 0), room = (to - from || 1) * 0.12;
  const x = (value) => 10 + 300 * (value - from + room) / (to - from + 2 * room || 1);
  const sure = isNumber(v.confidence) ? `${short(100 * v.confidence)}\u00a0% interval: ` : '';
  return el('div', { class: 'gauge' },
    el('p', { class: 'soft' }, 'What the floor gains'),
    el('p', { class: 'number' }, `${signedBytes(slope)}/s`),
    svg('svg', { viewBox: '0 0 320 52', 'aria-hidden': 'true' },
      svg('path', { class: 'axis', d: 'M10 22h300' }), svg('path', { class: 'zero', d: `M${x(0)} 10v24` }),
      svg('path', { class: 'range', d: `M${x(low)} 22H${x(high)}` }), svg('circle', { class: 'mid', cx: x(slope), cy: 22, r: 7 }),
      svg('text', { x: x(0), y: 48, 'text-anchor': 'middle' }, '0')),
    el('p', { class: 'soft' }, `${sure}${signedBytes(low)}/s to ${signedBytes(high)}/s, ${low <= 0 && high >= 0 ? '0 is in it' : '0 is not in it'}`));
}

function whereFrom(v) {
  const parts = [['site', v.site], ['class', v.class]].filter(([, name]) => name !== null && name !== undefined);
  return parts.length === 0 ? null
    : el('p', { class: 'where' }, parts.map(([kind, name]) => el('span', {}, el('small', {}, kind), el('code', {}, named(name)))));
}

function showVerdict(v) {
  const tone = toneOf(v), { word, path } = TONES[tone], evidence = v.evidence || [];
  byId('verdict').classList.add(tone);
  byId('verdict').append(
    el('div', {},
      el('h2', { class: 'word', id: 'word' }, svg('svg', { viewBox: '0 0 24 24', 'aria-hidden': 'true' }, svg('path', { d: path })), word),
      el('p', { class: 'sentence' }, v.sentence || ''),
      whereFrom(v),
      evidence.length === 0 ? null : el('ul', { class: 'evidence' }, evidence.map((line) => el('li', {}, line)))));
  const measured = gauge(v);
  if (measured) byId('verdict').append(measured);
}

/* A suspect is a sentence, or what heapd's own /v1/heap/suspects says of it. */
function suspect(item) {
  const about = typeof item === 'string' ? { sentence: item } : item || {};
  const more = (about.more || []).map((line) => el('p', { class: 'command' }, el('code', {}, line)));
  return el('div', { class: 'suspect' }, el('p', {}, about.sentence || JSON.stringify(item)), more);
}

function showSuspects(v) {
  const items = v.suspects || [];
  if (items.length === 0) return;
  byId('suspects').hidden = false;
  byId('suspects').append(el('h2', { id: 'suspects-title' }, 'What heapd itself suspects'), ...items.map(suspect));
}
