/* The conversation beside the card. When the interviewer or the second reader of a card has finished, what was said is
   fetched again: a card, or questions about it, may have come. What is being typed stays as it is. */
"use strict";

(() => {
  const area = document.getElementById("talk");
  if (!area) return;
  const message = document.getElementById("q-message");

  const awaited = () => area.querySelectorAll("[data-awaited]").forEach((element) => {
    const address = element.dataset.awaited;
    element.removeAttribute("data-awaited");
    if (!address) { setTimeout(look, 1000); return; } // the second reader is only just being asked
    const source = new EventSource(address);
    source.addEventListener("end", () => { source.close(); look(); });
  });

  const refresh = async () => {
    const answer = await fetch(window.location.href, { headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("talk"), ways = page.getElementById("leave");
    const attempt = (root) => root.querySelector("#page [name=attempt]")?.value;
    if (!fresh || !ways || attempt(page) !== attempt(document)) { window.location.reload(); return; }
    const before = area.querySelector("#offer")?.textContent;
    area.replaceChildren(...fresh.childNodes);
    document.getElementById("leave").replaceChildren(...ways.childNodes);
    window.followAll(area);
    awaited();
    const offer = area.querySelector("#offer");
    if (offer && offer.textContent !== before) offer.scrollIntoView({ block: "nearest" });
  };

  const look = () => refresh().catch(() => {}); // offline: what is on the page stays, and a reload shows the rest
  document.addEventListener("heed:stream-end", look);
  awaited();

  /* What was sent and did not arrive (another window was faster, the line was cut) stands in the box again. */
  const place = `said:${window.location.pathname}`, plain = (text) => text.replace(/\s+/g, " ").trim();
  const unsent = sessionStorage.getItem(place) || "";
  const heard = [...area.querySelectorAll(".own-turn")].some((turn) => plain(turn.textContent).endsWith(plain(unsent)));
  sessionStorage.removeItem(place);
  if (message && unsent && !heard && !message.value) message.value = unsent;
  message?.form.addEventListener("submit", (event) => {
    if (!event.submitter?.name) sessionStorage.setItem(place, message.value);
  });

  /* The page begins where the conversation is, with the next message to be written. */
  const now = document.getElementById("now");
  if (now && !document.getElementById("problem")) {
    message?.focus({ preventScroll: true });
    now.scrollIntoView({ block: "start" });
  }
})();
