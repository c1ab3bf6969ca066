/* A live answer: nothing can be answered before its last word is there. The server refuses it too, so the page works
   without this file. Words that stand around the model's own go when the fallback is shown instead of them. */
"use strict";
(() => {
    const words = document.querySelector(".live [data-stream]");
    if (!words) return;
    const answer = words.closest(".live");
    const held = document.querySelectorAll("#page .held");
    const button = document.querySelector("#page .action button");
    held.forEach((part) => { part.inert = true; });
    button.setAttribute("aria-disabled", "true");
    const hold = (event) => event.preventDefault();
    button.addEventListener("click", hold);

    document.addEventListener("heed:stream-end", (event) => {
        if (event.detail.outcome === "fallback") answer.querySelectorAll("[data-phrase]").forEach((part) => part.remove());
        held.forEach((part) => { part.inert = false; });
        button.removeAttribute("aria-disabled");
        button.removeEventListener("click", hold);
        document.getElementById("live-status").textContent = "";
    });
})();
