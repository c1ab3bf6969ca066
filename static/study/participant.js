/* What a page does beyond HTML: notes what happens on it, sends a form once, joins a slider to its number.
   Every page works without this file; only the notes (traces) are missing then. */
"use strict";
(() => {
    const form = document.getElementById("page");
    if (!form) return;

    const began = performance.now();
    const load = Array.from(crypto.getRandomValues(new Uint8Array(8)), (b) => b.toString(16).padStart(2, "0")).join("");
    const page = form.elements.page.value;
    const token = form.querySelector("[name=csrfmiddlewaretoken]").value;
    let waiting = [];
    let number = 0;
    let keys = 0;
    let keysIn = "";

    const note = (kind, data) => {
        if (number >= 2000) return;
        waiting.push({ n: ++number, kind, ms: Math.round((performance.now() - began) * 10) / 10, data: data || {} });
    };
    const noteKeys = () => {
        if (keys) note("keys", { count: keys, field: keysIn });
        keys = 0;
    };
    const batch = (events) => JSON.stringify({ page, load, events });

    /* Batches are small and may be sent twice: the server keeps each event once. */
    let sending = false;
    const send = (leaving) => {
        noteKeys();
        if (!waiting.length || (sending && !leaving)) return;
        const events = waiting.slice(0, 150);
        sending = true;
        fetch(form.dataset.trace, {
            method: "POST", body: batch(events), keepalive: true, credentials: "same-origin",
            headers: { "Content-Type": "application/json", "X-CSRFToken": token },
        }).then((answer) => {
            if (answer.status === 204 || answer.status === 400) waiting = waiting.filter((e) => e.n > events[events.length - 1].n);
        }).catch(() => {}).finally(() => { sending = false; });
    };

    note("shown", { width: window.innerWidth, height: window.innerHeight });
    setInterval(() => send(false), 5000);
    document.addEventListener("visibilitychange", () => {
        note(document.hidden ? "hidden" : "visible");
        if (document.hidden) send(true);
    });
    window.addEventListener("blur", () => note("blur"));
    window.addEventListener("focus", () => note("focus"));
    form.addEventListener("paste", (e) => note("paste", { field: e.target.name || "", length: (e.clipboardData ? e.clipboardData.getData("text").length : 0) }));
    form.addEventListener("keydown", (e) => {
        const field = e.target.name || "";
        if (field !== keysIn) { noteKeys(); keysIn = field; }
        keys += 1;
    });
    form.addEventListener("change", (e) => {
        const field = e.target;
        if (!field.name || field.type === "hidden") return;
        note("change", { field: field.name, value: field.tagName === "TEXTAREA" || field.type === "text" ? { length: field.value.length } : field.value });
    });
    form.addEventListener("click", (e) => {
        const link = e.target.closest("a[data-source]");
        if (link) note("link", { source: Number(link.dataset.source), by: "page" });
    });

    /* One click, one form. The trace that is still here rides along. */
    let sent = false;
    form.addEventListener("submit", (e) => {
        if (sent) { e.preventDefault(); return; }
        sent = true;
        noteKeys();
        note("submit");
        form.elements.trace.value = batch(waiting.slice(-190));
        form.querySelectorAll("button[type=submit]").forEach((b) => b.setAttribute("aria-disabled", "true"));
        setTimeout(() => {
            sent = false;
            form.querySelectorAll("button[type=submit]").forEach((b) => b.removeAttribute("aria-disabled"));
        }, 8000);
    });
    window.addEventListener("pageshow", (e) => { if (e.persisted) location.reload(); });

    form.querySelectorAll("[data-slider]").forEach((slide) => {
        const range = slide.querySelector("input[type=range]");
        const box = slide.querySelector("input[type=number]");
        range.hidden = false;
        if (box.value === "") slide.classList.add("unset"); else range.value = box.value;
        const touched = () => { box.value = range.value; slide.classList.remove("unset"); };
        range.addEventListener("input", touched);
        range.addEventListener("click", touched);
        box.addEventListener("input", () => { if (box.value !== "") { range.value = box.value; slide.classList.remove("unset"); } });
    });

    const problem = document.getElementById("problem");
    if (problem) problem.focus();
})();
