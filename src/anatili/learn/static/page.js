// The lesson's page: runs its commands, shows what they print, draws losses, sends answers and shows the verdicts.
const lesson = document.getElementById('lesson');
const base = `/lessons/${lesson.dataset.lesson}`;
const buttons = [...document.querySelectorAll('[data-command]')];
const plot = document.querySelector('.losses');
const SVG = 'http://www.w3.org/2000/svg';

function answers() {
  const all = {};
  for (const form of document.querySelectorAll('form.answers')) {
    const name = form.dataset.exercise ? `exercise-${form.dataset.exercise}` : 'open';
    all[name] = Object.fromEntries(new FormData(form));
  }
  return all;
}

function post(path, body) {
  return fetch(base + path, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
  });
}

async function complaint(response) {
  try {
    return (await response.json()).error.message;
  } catch {
    return String(response.status);
  }
}

async function run(button) {
  const output = button.parentElement.nextElementSibling;
  output.hidden = false;
  output.textContent = lesson.dataset.running + '\n';
  for (const one of buttons) one.disabled = true;
  const timer = plot && setInterval(drawLosses, 700);
  try {
    const response = await post('/run', { command: Number(button.dataset.command), answers: answers() });
    if (!response.ok) {
      output.textContent = await complaint(response);
      return;
    }
    output.textContent = '';
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = '', part = await reader.read(); !part.done; part = await reader.read()) {
      const lines = (rest + part.value).split('\n');
      rest = lines.pop();
      for (const event of lines.map((line) => JSON.parse(line))) {
        if ('text' in event) output.textContent += event.text;
        else output.textContent += event.exit ? `${lesson.dataset.failed} ${event.exit}` : lesson.dataset.done;
      }
      output.scrollTop = output.scrollHeight;
    }
  } catch (error) {
    output.textContent += String(error);
  } finally {
    clearInterval(timer);
    for (const one of buttons) one.disabled = false;
    button.focus();
    if (plot) await drawLosses();
  }
}

async function check(event) {
  event.preventDefault();
  const form = event.target, shown = form.querySelector('.verdict');
  const isOpen = 'open' in form.dataset;
  const response = await post(isOpen ? '/answers' : '/check', { answers: answers() });
  if (!response.ok) {
    show(shown, 'wrong', await complaint(response));
    return;
  }
  const result = await response.json();
  if (isOpen) {
    show(shown, 'passed', result.message);
    return;
  }
  const verdict = result.verdicts.find((one) => String(one.exercise) === form.dataset.exercise);
  show(shown, verdict.state, verdict.state === 'passed' ? verdict.message : `${verdict.word}: ${verdict.message}`);
}

function show(place, state, text) {
  place.className = `verdict ${state}`;
  place.textContent = text;
}

function element(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

async function drawLosses() {
  const response = await fetch(`${base}/losses`);
  const { runs } = response.ok ? await response.json() : { runs: {} };
  const names = Object.keys(runs);
  plot.hidden = !names.length;
  if (!names.length) return;
  const width = Math.max(300, plot.clientWidth || 640), height = 240, left = 44, bottom = 28, top = 24;
  const steps = Math.max(...names.map((name) => runs[name].length), 2);
  const high = Math.ceil(Math.max(...names.flatMap((name) => runs[name])));
  const x = (step) => left + (step * (width - left - 90)) / (steps - 1);
  const y = (loss) => top + (1 - loss / high) * (height - top - bottom);
  const svg = element('svg', { viewBox: `0 0 ${width} ${height}`, 'aria-hidden': 'true' });
  svg.append(element('text', { x: left, y: 14 }, lesson.dataset.losses));
  for (let loss = 0; loss <= high; loss += Math.max(1, Math.round(high / 4))) {
    svg.append(element('path', { class: 'grid', d: `M${left},${y(loss)}H${x(steps - 1)}` }));
    svg.append(element('text', { x: 8, y: y(loss) + 4 }, loss));
  }
  svg.append(element('text', { x: x(0), y: height - 8 }, 1), element('text', { x: x(steps - 1) - 14, y: height - 8 }, steps));
  const labels = [];
  names.forEach((name, number) => {
    const points = runs[name].map((loss, step) => `${x(step).toFixed(1)},${y(loss).toFixed(1)}`);
    const last = runs[name].at(-1), end = runs[name].length - 1;
    svg.append(element('path', { class: `run-${number % 2}`, d: `M${points.join('L')}` }));
    const place = labels.some((other) => Math.abs(other - y(last)) < 14) ? Math.min(...labels) - 14 : y(last);
    labels.push(place);
    svg.append(element('text', { x: x(end) + 5, y: place + 4 }, `${name} ${last.toFixed(2)}`));
  });
  plot.replaceChildren(svg);
  plot.setAttribute('aria-label', `${lesson.dataset.losses}: ` + names.map((name) => `${name} ${runs[name].length}: ${runs[name].at(-1).toFixed(2)}`).join('; '));
}

for (const button of buttons) button.addEventListener('click', () => run(button));
for (const form of document.querySelectorAll('form.answers')) {
  form.addEventListener('submit', check);
  form.addEventListener('change', () => post('/answers', { answers: answers() }));
}
if (plot) drawLosses();
