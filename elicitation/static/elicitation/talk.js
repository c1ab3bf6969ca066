/* When the interviewer has finished, the page is loaded again if nothing was typed: a card may have been offered. */
"use strict";

document.addEventListener("heed:stream-end", () => {
  const message = document.getElementById("q-message");
  if (!message || message.value === "") window.location.reload();
});
