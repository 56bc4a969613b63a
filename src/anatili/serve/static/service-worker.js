// Keeps a copy of the page itself, so that it opens without a connection. The server is always asked first; answers,
// searches and documents are never stored.

const CACHE = "anatili-page";
const isShell = (path) => ["/", "/plan", "/commons", "/page/words", "/manifest.webmanifest"].includes(path) || path.startsWith("/static/");

// The files of the page, found by following the addresses in them.
async function fill() {
  const cache = await caches.open(CACHE);
  const waiting = ["/", "/page/words", "/manifest.webmanifest"];
  const known = new Set(waiting);
  for (let path = waiting.shift(); path; path = waiting.shift()) {
    const answer = await fetch(path, { cache: "no-cache" });
    if (!answer.ok) continue;
    await cache.put(path, answer.clone());
    if (path === "/page/words" && (await answer.clone().json()).commons) waiting.push("/commons");
    if (!/\/$|^\/commons$|\.(?:js|css|webmanifest)$/.test(path)) continue;
    const text = await answer.text();
    for (const [, found] of text.matchAll(/["'(](?:\.|(?=\/static\/))(\/[\w/.-]+\.(?:js|css|svg|png))["')]/g)) {
      const next = found.startsWith("/static/") ? found : `/static${found}`;
      if (known.has(next)) continue;
      known.add(next);
      waiting.push(next);
    }
  }
}

async function respond(request, path) {
  const cache = await caches.open(CACHE);
  try {
    const answer = await fetch(request);
    if (answer.ok) cache.put(path, answer.clone());
    return answer;
  } catch (error) {
    const copy = await cache.match(path);
    if (copy) return copy;
    throw error;
  }
}

addEventListener("install", (event) => event.waitUntil(fill().then(() => self.skipWaiting())));
addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
addEventListener("fetch", (event) => {
  const { pathname, origin } = new URL(event.request.url);
  if (event.request.method === "GET" && origin === location.origin && isShell(pathname)) event.respondWith(respond(event.request, pathname));
});
