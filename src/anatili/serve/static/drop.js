// Files that are dragged onto the page: text for the translator, documents for the chat.

import { byId, page } from "./common.js";
import { sendAll } from "./documents.js";
import { openFile } from "./textfile.js";

let depth = 0; // elements that the dragged files are over

const target = () => {
  if (!byId("translate").hidden) return "translate";
  return !byId("chat").hidden && page.known.documents ? "chat" : "";
};
const hasFiles = (event) => event.dataTransfer?.types.includes("Files");

function mark(is) {
  if (!is) depth = 0;
  byId("drop").hidden = !is;
}

addEventListener("dragenter", (event) => {
  if (!hasFiles(event) || !target()) return;
  depth++;
  mark(true);
});
addEventListener("dragleave", (event) => {
  if (hasFiles(event) && --depth <= 0) mark(false);
});
// Without this, a browser would leave the page and open the file.
addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
addEventListener("drop", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  const [to, files] = [target(), [...event.dataTransfer.files]];
  mark(false);
  if (to === "translate" && files[0]) openFile(files[0]);
  if (to === "chat") sendAll(files);
});
