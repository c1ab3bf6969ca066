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
  if (line && writing()) {
    event.preventDefault();
    goTo(writing(), Number(line.dataset.line));
  }
});

// The text area that holds a document, where the page has one.
function writing() { return document.querySelector("textarea.code"); }

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

// A document that was typed and not saved outlives a sign-in, an error page or a closed session in this window.
const UNSAVED = "heed-unsaved:";
const own = UNSAVED + window.location.pathname;
for (const key of Object.keys(sessionStorage)) {
  const sent = key.startsWith(UNSAVED) && JSON.parse(sessionStorage.getItem(key)).sent;
  if (sent && document.querySelector(".notice.good")) sessionStorage.removeItem(key);
}
if (warned && writing() && !writing().readOnly) {
  const keep = (sent) => sessionStorage.setItem(own, JSON.stringify({text: writing().value, sent}));
  const before = JSON.parse(sessionStorage.getItem(own) ?? "null");
  if (before && before.text !== writing().value) offer(before.text);
  else sessionStorage.removeItem(own);
  writing().addEventListener("input", () => keep(false));
  warned.addEventListener("submit", () => keep(true));
}

function offer(text) {
  const note = document.createElement("div");
  note.className = "notice warn";
  note.setAttribute("role", "status");
  note.append("There is a text of yours that was not saved. ");
  const take = document.createElement("button");
  take.type = "button";
  take.textContent = "Take it up";
  take.addEventListener("click", () => {
    writing().value = text;
    writing().dispatchEvent(new Event("input", {bubbles: true}));
    note.remove();
    writing().focus();
  });
  const forget = document.createElement("button");
  forget.type = "button";
  forget.textContent = "Forget it";
  forget.addEventListener("click", () => { sessionStorage.removeItem(own); note.remove(); });
  note.append(take, " ", forget);
  warned.prepend(note);
}

// A part that renews itself keeps what was opened in it, what was scrolled, and where the keyboard is.
const PLACES = "a[href], button, input, select, textarea, summary, [tabindex]";
const kept = new Map();

function nameOf(element) {
  const part = element.closest("section")?.querySelector("h2")?.textContent ?? "";
  return [element.tagName, part, element.getAttribute("aria-label") || element.textContent.trim()].join("|");
}

function wordsOf(details) { return nameOf(details.querySelector("summary")); }

function note(part) {
  kept.set(part.id, {
    open: new Set([...part.querySelectorAll("details[open]")].map(wordsOf)),
    scrolled: new Map([...part.querySelectorAll(".scroll")].map((one) => [nameOf(one), one.scrollLeft])),
    focus: part.contains(document.activeElement) ? nameOf(document.activeElement) : "",
  });
}

function putBack(part, state) {
  for (const one of part.querySelectorAll("details")) if (state.open.has(wordsOf(one))) one.open = true;
  for (const one of part.querySelectorAll(".scroll")) one.scrollLeft = state.scrolled.get(nameOf(one)) ?? 0;
  const place = state.focus && [...part.querySelectorAll(PLACES)].find((one) => nameOf(one) === state.focus);
  if (place) place.focus({preventScroll: true});
}

document.addEventListener("htmx:beforeSwap", (event) => {
  if (/^\s*<!doctype/i.test(event.detail.xhr.responseText)) { // a whole page: the sign-in, because the session is over
    event.detail.shouldSwap = false;
    if (!warned) window.location.reload();
    else event.detail.target.textContent = "You are signed out. Save: you are asked to sign in, and your text is kept here.";
  } else if (event.detail.target.id) note(event.detail.target);
});

document.addEventListener("htmx:afterSwap", () => {
  for (const [id, state] of kept) {
    const part = document.getElementById(id);
    if (part) putBack(part, state);
  }
  kept.clear();
});

// What could not be renewed says so, instead of passing for current.
for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.addEventListener(failure, (event) => {
    const note = event.target.querySelector?.("[data-stale]");
    if (note) note.hidden = false;
  });
}

// Whoever reads a part that renews itself may have it stand still.
const still = document.querySelector("[data-still]");
if (still) {
  still.hidden = false;
  still.addEventListener("click", () => {
    const held = still.getAttribute("aria-pressed") !== "true";
    still.setAttribute("aria-pressed", held);
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target.id === still.dataset.still && still.getAttribute("aria-pressed") === "true") event.preventDefault();
  });
}

// On a narrow screen the tabs scroll: the open one is in sight.
document.querySelector(".tabs [aria-current]")?.scrollIntoView({block: "nearest", inline: "center"});

// A link to a line of the document leads to that line.
const named = /^#line-(\d+)$/.exec(window.location.hash);
if (named && writing()) goTo(writing(), Number(named[1]));
