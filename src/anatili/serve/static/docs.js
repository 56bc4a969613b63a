// The API's description (/openapi.json) as a page: every route, its parameters, and a command that calls it.

const byId = (id) => document.getElementById(id);
const make = (tag, text = "", className = "") => {
  const element = document.createElement(tag);
  element.textContent = text;
  if (className) element.className = className;
  return element;
};

const nameOf = (schema = {}) =>
  schema.$ref?.split("/").pop() ??
  schema.anyOf?.map(nameOf).join(" or ") ??
  (schema.type === "array" ? `list of ${nameOf(schema.items)}` : schema.type ?? schema.enum?.join(", ") ?? "anything");

function limits(schema = {}) {
  const said = [];
  for (const one of [schema, ...(schema.anyOf ?? [])]) {
    if (one.minimum !== undefined) said.push(`from ${one.minimum}`);
    if (one.maximum !== undefined) said.push(`to ${one.maximum}`);
    if (one.maxLength) said.push(`at most ${one.maxLength} characters`);
    if (one.enum) said.push(one.enum.join(", "));
  }
  if (schema.default !== undefined && schema.default !== null && schema.default !== "") {
    said.push(`default ${JSON.stringify(schema.default)}`);
  }
  return [schema.description, ...said].filter(Boolean).join("; ");
}

function table(rows) {
  const made = make("table");
  const head = make("tr");
  for (const word of ["name", "type", "what"]) {
    const cell = make("th", word);
    cell.scope = "col";
    head.append(cell);
  }
  made.append(head);
  for (const [name, schema, needed] of rows) {
    const row = make("tr");
    row.append(make("td", needed ? `${name} *` : name), make("td", nameOf(schema)), make("td", limits(schema)));
    made.append(row);
  }
  return made;
}

function example(method, path, body, parts, needsKey) {
  const key = needsKey ? " -H 'Authorization: Bearer KEY'" : "";
  const address = location.origin + path;
  if (method === "get") return `curl${key} '${address}${path === "/search" ? "?q=" : ""}'`;
  const name = body?.["application/json"]?.schema?.$ref?.split("/").pop();
  const needed = Object.fromEntries((parts[name]?.required ?? []).map((field) => [field, "…"]));
  return `curl${key} '${address}' -H 'Content-Type: application/json' -d '${JSON.stringify(needed)}'`;
}

function show(schema) {
  byId("about").textContent = `${schema.info.description} Version ${schema.info.version}. Values with * are needed.`;
  const parts = schema.components.schemas;
  for (const [path, methods] of Object.entries(schema.paths)) {
    for (const [method, route] of Object.entries(methods)) {
      const box = make("section");
      box.append(make("h2", `${method.toUpperCase()} ${path}`), make("p", route.description ?? route.summary));
      const rows = (route.parameters ?? []).map((one) => [one.name, { description: one.description, ...one.schema }, one.required]);
      const name = route.requestBody?.content?.["application/json"]?.schema?.$ref?.split("/").pop();
      for (const [field, kind] of Object.entries(parts[name]?.properties ?? {})) {
        rows.push([field, kind, parts[name].required?.includes(field)]);
      }
      if (rows.length) box.append(table(rows));
      box.append(make("pre", example(method, path, route.requestBody?.content, parts, schema.security)));
      byId("routes").append(box);
    }
  }
}

async function load(key = "") {
  const answer = await fetch("/openapi.json", { headers: key ? { Authorization: `Bearer ${key}` } : {} });
  byId("with-key").hidden = answer.status !== 401;
  if (answer.ok) show(await answer.json());
}

byId("with-key").addEventListener("submit", (event) => {
  event.preventDefault();
  load(byId("key").value);
});
load();
