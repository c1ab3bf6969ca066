// Keys of the review desks: j and k walk through the texts, ? shows the keys; every other letter presses the button or
// opens the part that bears it (data-key), such as a to approve, r to reject, e to edit, u to undo.
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
  } else if (here && /^[a-z]$/.test(event.key)) {
    const control = here.querySelector(`[data-key="${event.key}"]`);
    if (control) {
      use(control);
      event.preventDefault();
    }
  }
});

// A button is pressed; a closed part is opened and its first field focused.
function use(control) {
  if (control.matches("button")) { control.click(); return; }
  control.open = true;
  control.querySelector("input[type=text], textarea").focus();
}

// After a decision the page comes back at the text that was decided about; where a filter took it away, at the next one.
window.addEventListener("DOMContentLoaded", () => {
  const number = /^#text-(\d+)$/.exec(location.hash)?.[1];
  if (!number) return;
  const later = [...document.querySelectorAll("[data-number]")].find((one) => Number(one.dataset.number) > Number(number));
  const text = document.getElementById(`text-${number}`) || later || [...document.querySelectorAll("[data-number]")].pop();
  if (text) text.focus();
});
