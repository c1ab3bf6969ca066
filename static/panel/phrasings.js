// Keys of the review desk: j and k walk through the texts, a approves, r and e open their fields, ? shows the keys.
"use strict";

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select");
  if (typing) {
    if (event.key === "Escape") (typing.closest("[data-text]") || document.body).focus();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const texts = [...document.querySelectorAll("[data-text]")];
  const here = event.target.closest("[data-text]");
  const step = { j: 1, k: -1 }[event.key];
  if (step && texts.length) {
    const at = texts.indexOf(here);
    const next = at < 0 ? 0 : Math.min(texts.length - 1, Math.max(0, at + step));
    texts[next].focus();
    event.preventDefault();
  } else if (event.key === "?") {
    const keys = document.getElementById("keys");
    keys.open = true;
    keys.querySelector("summary").focus();
    event.preventDefault();
  } else if (here && ["a", "r", "e"].includes(event.key)) {
    use(here.querySelector(`[data-key="${event.key}"]`));
    event.preventDefault();
  }
});

// A button is pressed; a closed part is opened and its first field focused.
function use(control) {
  if (!control) return;
  if (control.matches("button")) { control.click(); return; }
  control.open = true;
  control.querySelector("input[type=text], textarea").focus();
}

// After a decision the page comes back at the text that was decided about.
window.addEventListener("DOMContentLoaded", () => {
  const text = location.hash.startsWith("#text-") && document.querySelector(`[data-text]${location.hash}`);
  if (text) text.focus();
});
