/* Shows a model's words as they come. Text only ever enters the page as text. The browser itself reconnects after a
   broken connection and says where it was (Last-Event-ID). At the end the element fires `heed:stream-end`. */
"use strict";

function follow(element) {
  const source = new EventSource(element.dataset.stream);
  element.removeAttribute("data-stream");
  source.onmessage = (event) => element.append(event.data);
  source.addEventListener("restart", () => element.replaceChildren());
  source.addEventListener("replace", (event) => {
    if (element.textContent !== event.data) element.textContent = event.data;
  });
  source.addEventListener("end", (event) => {
    source.close();
    element.dataset.outcome = event.data;
    element.setAttribute("aria-busy", "false");
    element.dispatchEvent(
      new CustomEvent("heed:stream-end", { bubbles: true, detail: { outcome: event.data } }),
    );
  });
}

function followAll(root) {
  if (root.matches?.("[data-stream]")) follow(root);
  root.querySelectorAll("[data-stream]").forEach(follow);
}

document.addEventListener("DOMContentLoaded", () => followAll(document.body));
document.addEventListener("htmx:load", (event) => followAll(event.target));
