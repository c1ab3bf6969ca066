// The panel's few conveniences. Every page works without them; htmx does the live parts.
"use strict";

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) {
    const source = document.querySelector(button.dataset.copy);
    const text = source.value ?? source.textContent;
    const done = () => { button.textContent = "Copied"; setTimeout(() => { button.textContent = "Copy"; }, 1500); };
    if (navigator.clipboard) navigator.clipboard.writeText(text).then(done, () => select(source));
    else select(source);
  }
  const line = event.target.closest("[data-line]");
  const editor = document.querySelector("textarea#text");
  if (line && editor) {
    event.preventDefault();
    goTo(editor, Number(line.dataset.line));
  }
});

// Select what cannot be copied, so that the keyboard's own copy works.
function select(element) {
  if (element.select) { element.select(); return; }
  const range = document.createRange();
  range.selectNodeContents(element);
  window.getSelection().removeAllRanges();
  window.getSelection().addRange(range);
}

// Put the cursor on a line of the editor, and the line into view.
function goTo(editor, number) {
  const lines = editor.value.split("\n");
  const start = lines.slice(0, number - 1).join("\n").length + (number > 1 ? 1 : 0);
  editor.focus();
  editor.setSelectionRange(start, start + (lines[number - 1] || "").length);
  const height = parseFloat(getComputedStyle(editor).lineHeight);
  editor.scrollTop = Math.max(0, (number - 6) * height);
}

// Choosing a field of a way chooses the way.
document.addEventListener("input", (event) => {
  const way = event.target.closest(".way .sub");
  if (way) way.closest(".way").querySelector("input[type=radio]").checked = true;
});

// What was typed into a form and not saved is not left without asking.
const warned = document.querySelector("form[data-warn]");
if (warned) {
  let unsaved = warned.dataset.warn === "now";
  const tell = () => { const note = warned.querySelector(".unsaved"); if (note) note.hidden = !unsaved; };
  tell();
  warned.addEventListener("input", (event) => { if (event.target.name && !event.target.name.startsWith("new:")) { unsaved = true; tell(); } });
  warned.addEventListener("submit", () => { unsaved = false; });
  window.addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });
}
