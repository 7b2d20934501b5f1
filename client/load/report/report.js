/* report.js - the page of one run, from the JSON that stands in it. */
'use strict';

/* The first and the last reading of a heap may stand for no time of load at all: then nothing was answered in it. */
function withoutIdleEnds(series) {
  const ops = [...(series.ops || [])];
  for (const i of [0, ops.length - 1]) if (ops[i] === 0) ops[i] = null;
  return { ...series, ops };
}

/* What the rest may rely on: every list is there, if empty. */
function understood(doc) {
  const series = withoutIdleEnds({ t_s: [], ...(doc.series || {}) }), collections = (doc.collections || []).filter((c) => c && isNumber(c.t_s));
  return { ...doc, series, collections, floor: { t_s: [], live: [], objects: [], ...(doc.floor || {}) }, verdict: doc.verdict || {}, ops: doc.ops || {},
           lasts: Math.max(doc.duration_s || 0, ...series.t_s.slice(-1), 1), marks: collections.map((c) => ({ t: c.t_s, generation: c.generation })) };
}

function dateText(text) {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? text : `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

function showHead(run) {
  document.title = `${TONES[toneOf(run.verdict)].word}: ${run.scenario}, heapctl load`;
  byId('scenario').append(named(String(run.scenario).replaceAll(',', ', ')));
  byId('run').append([run.duration_s && span(run.duration_s), run.rate && `${short(run.rate)} operations a second`,
    run.clients && `${whole(run.clients)} clients`, run.started && dateText(run.started)].filter(Boolean).join(' \u00b7 '));
}

function figure([name, value, about]) {
  return el('dl', { class: 'figure' }, el('dt', {}, name), el('dd', {}, value), el('dd', {}, about || ''));
}

/* Of all collections: the list has only the last of a long run. */
function seenOf(run) {
  const list = run.collections;
  return run.collections_seen || { count: list.length, missed: 0, collected: list.reduce((sum, c) => sum + (c.collected || 0), 0),
                                   max_slice_us: most(list.map((c) => c.max_slice_us)) };
}

function showFigures(run) {
  const { ops, series: s, latency_us: l = {} } = run;
  const seen = seenOf(run), all = seen.missed === 0 ? 'of any collection' : `of ${whole(seen.count)} collections; ${whole(seen.missed)} were missed`;
  const lost = (ops.failed || 0) + (ops.shed || 0);
  byId('figures').append(...[
    ['Operations', whole(ops.done), lost === 0 ? 'none failed' : `${whole(ops.failed || 0)} failed, ${whole(ops.shed || 0)} not sent in time`],
    ['Rate', perSecond(ops.done / (run.ran_s || run.duration_s)), `of ${perSecond(run.rate)} planned`],
    ['Latency p99', micros(l.p99), `p50 ${micros(l.p50)}, longest ${micros(l.max)}${lost === 0 ? '' : '; of those answered well'}`],
    ['Longest slice', micros(seen.max_slice_us || undefined), all],
    ['Live at the end', bytes(last(s.live)), `${whole(last(s.objects))} objects`],
    ['RSS at the end', bytes(last(s.rss)), `at most ${bytes(most(s.rss) || undefined)}`],
    ['Collections', whole(last(s.collections)), `${seen.missed === 0 ? '' : 'at least '}${whole(seen.collected)} objects found`],
    ['Service p99', micros((run.service_us || {}).p99), 'once it was sent'],
  ].map(figure));
}

/* What a shell takes as one word. */
const shellWord = (word) => /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replace(/'/g, "'\\''")}'`;

function commandOf(run) {
  if (typeof run.command === 'string') return run.command;
  const flags = [['--rate', run.rate], ['--duration', run.duration_s], ['--clients', run.clients], ['--seed', run.seed], ['--url', run.url]];
  return ['heapctl', 'load', String(run.scenario), ...flags.filter(([, value]) => value !== undefined && value !== null)
    .flatMap(([flag, value]) => [flag, String(value)])].map(shellWord).join(' ');
}

function copyButton(code) {
  const button = el('button', { type: 'button' }, 'Copy');
  button.addEventListener('click', async () => {
    getSelection().selectAllChildren(code);
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = 'Copied';
    } catch {
      button.textContent = 'Selected';        // no permission: Ctrl-C does the rest
    }
    setTimeout(() => { button.textContent = 'Copy'; }, 1500);
  });
  return button;
}

function showAgain(run) {
  const code = el('code', {}, commandOf(run));
  byId('again').append(el('h2', { id: 'again-title' }, 'To run it again'), el('div', { class: 'command' }, code, copyButton(code)),
    definitions([['Scenario', run.scenario], ['Rate', perSecond(run.rate)], ['Duration', span(run.duration_s)], ['Clients', whole(run.clients)],
      ['Seed', run.seed], ['heapd', run.version], ['At', run.url], ['Instance', run.instance]]));
}

function showKinds(run) {
  const kinds = Object.entries(run.ops.by_kind || {}).filter(([, n]) => isNumber(n)).sort(([, a], [, b]) => b - a), most = kinds.length > 0 ? kinds[0][1] : 1;
  const total = kinds.reduce((sum, [, n]) => sum + n, 0);
  const bar = (n) => {
    const drawn = el('span', { class: 'bar', title: percent(n, total) });
    drawn.style.width = `${100 * n / most}%`;
    return drawn;
  };
  byId('kinds').append(el('h2', { id: 'kinds-title' }, 'What was asked'), el('table', { class: 'kinds' }, el('thead', { class: 'hidden' }, el('tr', {},
    ['Operation', 'Times', 'Share'].map((name) => el('th', { scope: 'col' }, name)))), el('tbody', {},
    kinds.map(([kind, n]) => el('tr', {}, el('td', {}, named(kind)), el('td', {}, whole(n)), el('td', {}, bar(n)))))),
    el('ul', { class: 'evidence' }, (run.ops.failures || []).map((f) => el('li', {}, `${whole(f.count)} failed: `, named(f.detail || f.type || f.status)))));
}

function showFoot(run, text) {
  byId('maker').append(`Made by heapctl load of heapd ${run.version || ''}.`);
  byId('save').addEventListener('click', () => {
    const link = el('a', { href: URL.createObjectURL(new Blob([text], { type: 'application/json' })), download: 'heapctl-load.json' });
    link.click();
    URL.revokeObjectURL(link.href);
  });
}

function show() {
  const text = byId('data').textContent, run = understood(JSON.parse(text));
  showHead(run);
  showVerdict(run.verdict);
  showFigures(run);
  showPlots(run);
  showSuspects(run.verdict);
  showAgain(run);
  showKinds(run);
  showFoot(run, text);
}

show();
