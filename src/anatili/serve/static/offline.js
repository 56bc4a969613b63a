// Without a connection: the page itself opens from the service worker's copy, says so, and looks for the server again.

import { byId, connection } from "./common.js";

const AGAIN = 5000; // milliseconds between two attempts
let timer = 0;

function show(isThere) {
  byId("offline").hidden = isThere;
  clearTimeout(timer);
  if (!isThere) timer = setTimeout(look, AGAIN);
}

async function look() {
  try {
    show((await fetch("/health", { cache: "no-store" })).ok);
  } catch {
    show(false);
  }
}

connection.addEventListener("change", (event) => show(event.detail));
addEventListener("online", look);
addEventListener("offline", () => show(false));
byId("connect").addEventListener("click", look);

// Browsers allow service workers only on secure pages, which this machine's own are.
navigator.serviceWorker?.register("/service-worker.js").catch(() => {});
