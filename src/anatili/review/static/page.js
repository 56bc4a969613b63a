// The page: language, colors and name of the reader, what there is to do, and which part is visible.

import { ask, byId, kept, make, number, page, tell, trying, word } from "./common.js";
import { openFile, setUpFiles } from "./files.js";
import { openResults, setUpResults } from "./results.js";
import { openWork, setUpWork } from "./work.js";

const PARTS = ["hello", "jobs", "work", "file", "results"];

async function start() {
  page.known = await (await ask("/page/words")).json();
  const codes = Object.keys(page.known.words);
  byId("language").replaceChildren(
    ...codes.map((code) => {
      const option = make("option", page.known.names[code]);
      option.value = option.lang = code;
      return option;
    }),
  );
  const wanted = [kept.get("language"), ...navigator.languages.map((tag) => tag.slice(0, 2))];
  byId("language").value = wanted.find((code) => codes.includes(code)) ?? codes[0];
  byId("theme").value = kept.get("theme", "");
  page.name = kept.get("name", "");
  setUpWork();
  setUpFiles();
  setUpResults();
  color();
  speak();
  await route();
}

function speak() {
  page.code = byId("language").value;
  page.words = page.known.words[page.code];
  document.documentElement.lang = page.code;
  document.title = word("title");
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = word(element.dataset.word);
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", word(element.dataset.label));
  }
  kept.set("language", page.code);
}

function color() {
  const theme = byId("theme").value;
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  kept.set("theme", theme);
}

function show(part) {
  for (const name of PARTS) byId(name).hidden = name !== part;
  byId("who").hidden = !page.name;
  byId("who-name").textContent = page.name;
  scrollTo(0, 0);
}

async function route() {
  const [part, ...rest] = location.hash.slice(1).split("/").map(decodeURIComponent);
  if (part === "main") return; // only skips the header
  tell("");
  if (!page.name) {
    show("hello");
    byId("name").focus();
  } else if (part === "work" && rest.length === 3) {
    show("work");
    await openWork(...rest);
  } else if (part === "file" && rest.length) {
    show("file");
    await openFile(rest.join("/"));
  } else if (part === "results") {
    show("results");
    await openResults();
  } else {
    show("jobs");
    await trying(listJobs);
  }
}

async function listJobs() {
  const { jobs, files } = await (await ask("/review/jobs", { name: page.name })).json();
  const groups = [];
  for (const kind of ["answers", "items"]) {
    const own = jobs.filter((job) => job.kind === kind);
    if (own.length) groups.push(group(kind, own.map(jobRow)));
  }
  if (files.length) groups.push(group("files", files.map(fileRow)));
  byId("job-list").replaceChildren(...groups);
}

function group(kind, rows) {
  const element = make("div", "", "group");
  const list = make("ul", "", "jobs");
  list.append(...rows);
  element.append(make("h3", word(kind)), make("p", word(`${kind}_about`), "hint"), list);
  return element;
}

function jobRow(job) {
  const row = make("li");
  const name = make("b", page.known.names[job.language] ?? job.language);
  name.lang = job.language;
  const bar = make("progress");
  Object.assign(bar, { max: job.tasks, value: job.final });
  bar.setAttribute("aria-hidden", "true");
  const facts = make("span", word("done_of", { done: number(job.final), count: number(job.tasks) }), "hint");
  const head = make("div", "", "head");
  head.append(name, facts);
  const links = make("div", "", "buttons");
  links.append(jobLink(job, "label", word(`do_${job.kind}`), job.to_label, job.to_label > 0));
  if (job.to_decide) links.append(jobLink(job, "decision", word("decide"), job.to_decide, !job.to_label));
  row.append(head, bar, links);
  return row;
}

function jobLink(job, mode, text, count, isMain) {
  const link = make("a", text, isMain ? "button main" : "button");
  link.href = `#work/${job.kind}/${job.language}/${mode}`;
  link.append(" ", make("span", word("waiting", { count: number(count) }), "count"));
  return link;
}

function fileRow(label) {
  const row = make("li");
  const link = make("a", label);
  link.href = `#file/${encodeURIComponent(label)}`;
  row.append(link);
  return row;
}

byId("language").addEventListener("change", () => {
  speak();
  route();
});
byId("theme").addEventListener("change", color);
byId("naming").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = byId("name").value.trim().replace(/\s+/g, " ");
  if (!name) return;
  page.name = name;
  kept.set("name", name);
  route().then(() => byId("main").focus({ preventScroll: true }));
});
byId("rename").addEventListener("click", () => {
  byId("name").value = page.name;
  page.name = "";
  route();
});
byId("with-key").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("anatili.key", byId("key").value);
  byId("with-key").hidden = true;
  route();
});
window.addEventListener("hashchange", () => {
  if (location.hash === "#main") byId("main").focus();
  else route();
});
start();
