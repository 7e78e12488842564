// Keeps the live part of a page fresh: asks for the page again every few seconds while somebody looks, and takes over that part of it.
// Without script the page is reloaded by its link.
"use strict";

(() => {
  const EVERY = 5_000;
  // A page that is left open must not keep its session alive.
  const PATIENCE = 10 * 60_000;

  const live = document.querySelector("[data-live]");
  const told = document.querySelector("[data-refreshing]");
  let used = Date.now();
  let asking = false;

  const say = (text) => {
    if (told.textContent !== text) told.textContent = text;
  };

  // The focus stays on the link that leads to the same place.
  const takeOver = (fresh) => {
    const focused = live.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    live.replaceChildren(...fresh.childNodes);
    if (focused) live.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  };

  const refresh = async () => {
    if (asking || document.hidden) return;
    if (Date.now() - used > PATIENCE) {
      say("Paused, because nobody seems to be here. Move the pointer to go on.");
      return;
    }
    asking = true;
    try {
      const answer = await fetch(location.href, { signal: AbortSignal.timeout(EVERY) });
      if (answer.redirected) {
        location.reload();
        return;
      }
      if (!answer.ok) throw new Error(answer.status);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-live]");
      // What somebody has marked stays as it is.
      if (fresh && getSelection().isCollapsed) takeOver(fresh);
      say("Fresh every 5 seconds.");
    } catch {
      say("The server does not answer. This is how things were; it is tried again.");
    } finally {
      asking = false;
    }
  };

  const back = () => {
    const hasPaused = Date.now() - used > PATIENCE;
    used = Date.now();
    if (hasPaused) refresh();
  };

  for (const sign of ["pointermove", "keydown", "scroll", "focus"]) addEventListener(sign, back, { passive: true });
  document.addEventListener("visibilitychange", refresh);
  say("Fresh every 5 seconds.");
  setInterval(refresh, EVERY);
})();
