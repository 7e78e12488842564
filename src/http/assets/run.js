// Pages of syncs: a running one is kept up to date without reloading, and a file that is too large is told before it is sent.
"use strict";

// How long to wait before the page is asked for again where it cannot be kept up to date.
const AGAIN = 5000;

// The run has ended: what was not there before (lists, buttons) is fetched, and takes the place of what is there.
const renew = async () => {
  try {
    const answer = await fetch(location.href, {
      headers: { Accept: "text/html" },
      // So that the way back leads where it led.
      referrer: document.referrer || "about:client",
    });
    if (!answer.ok || answer.redirected) throw new Error(answer.statusText);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.title = page.title;
    const main = document.querySelector("main");
    const focused = main.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    main.replaceChildren(...page.querySelector("main").childNodes);
    if (focused) main.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    document.dispatchEvent(new Event("renewed"));
  } catch {
    location.reload();
  }
};

const watch = (live) => {
  const state = document.getElementById("state");
  const source = new EventSource(live.dataset.events);
  source.addEventListener("live", (event) => {
    const fresh = document.createElement("template");
    fresh.innerHTML = event.data;
    const word = fresh.content.firstElementChild.dataset.state;
    // What somebody has marked, to copy it perhaps, stays as it is until they let go.
    const marked = getSelection();
    if (marked.isCollapsed || !marked.containsNode(live, true)) live.replaceChildren(fresh.content);
    // Only a change is read out.
    if (state.textContent !== word) {
      const badge = document.createElement("span");
      badge.className = `state state-${word}`;
      badge.textContent = word;
      state.replaceChildren(badge);
    }
  });
  source.addEventListener("ended", () => {
    source.close();
    renew();
  });
  // A connection that is cut is taken up again by the browser; one that is refused is not.
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), AGAIN);
  });
};

const live = document.querySelector("#live[data-events]");
if (live) watch(live);

const file = document.querySelector("input[type=file][data-max]");
if (file) {
  file.addEventListener("change", () => {
    const isTooLarge = (file.files[0]?.size ?? 0) > Number(file.dataset.max);
    file.setCustomValidity(isTooLarge ? "This file is larger than what is taken." : "");
    file.reportValidity();
  });
}
