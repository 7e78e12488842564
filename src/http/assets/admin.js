// What pages gain where script runs: keys to get about, and times in the reader's own zone. Nothing depends on it.
"use strict";

// The style sheet shows what only works with script.
document.documentElement.classList.add("has-script");

// "/" goes to the search, "j" and "k" through the rows of a list, "x" ticks the row's box, Enter follows the link that has the focus.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  // The target may be the document itself. Nobody writes into a box.
  const isWriting = event.target.closest?.("input:not([type=checkbox], [type=radio]), select, textarea");
  if (isWriting) return;
  if (event.key === "/") {
    const search = document.querySelector("input[type=search]");
    if (search) {
      event.preventDefault();
      search.focus();
      search.select();
    }
  } else if (event.key === "j" || event.key === "k") {
    const rows = [...document.querySelectorAll("[data-row]")].filter((row) => row.querySelector("a[data-open]"));
    const here = rows.indexOf(document.activeElement?.closest("[data-row]"));
    const next = rows[here < 0 ? 0 : here + (event.key === "j" ? 1 : -1)]?.querySelector("a[data-open]");
    if (next) {
      event.preventDefault();
      next.focus();
      next.scrollIntoView({ block: "nearest" });
    }
  } else if (event.key === "x") {
    document.activeElement?.closest("[data-row]")?.querySelector("input[type=checkbox]")?.click();
  }
});

// Fields that are left empty ask for nothing, so they are no part of the address.
document.addEventListener("formdata", (event) => {
  if (event.target.getAttribute("method") !== "get") return;
  for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
});

// Hovering over a time tells it in the reader's zone, and how long ago it was.
const units = [["year", 31557600], ["month", 2629800], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

const ago = (date) => {
  const seconds = (date - Date.now()) / 1000;
  const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) ?? units[units.length - 1];
  return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(Math.round(seconds / size), unit);
};

document.addEventListener("mouseover", (event) => {
  const time = event.target.closest?.("time[datetime]");
  if (!time) return;
  time.dataset.utc ??= time.title;
  const date = new Date(time.dateTime);
  const local = date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
  time.title = `${time.dataset.utc}\n${local} where you are\n${ago(date)}`;
});

// Times are UTC as they come. Whoever wants their own switches once, and finds them so on every page; also what comes later is told so.
const ZONE = "zone";
let isLocal = false;
try {
  isLocal = localStorage.getItem(ZONE) === "local";
} catch {
  // Then the choice holds for this page.
}

const write = (one, text) => {
  if (one.textContent !== text) one.textContent = text;
};

const showTimes = () => {
  for (const time of document.querySelectorAll("time[datetime]")) {
    time.dataset.short ??= time.textContent;
    // Of all that are known everywhere, Sweden writes dates as these pages do.
    const timeStyle = "seconds" in time.dataset ? "medium" : "short";
    const local = () => new Date(time.dateTime).toLocaleString("sv-SE", { dateStyle: "short", timeStyle });
    write(time, isLocal ? local() : time.dataset.short);
  }
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  for (const told of document.querySelectorAll("[data-zone]")) write(told, isLocal ? `Times are yours (${zone}).` : "Times are UTC.");
  for (const button of document.querySelectorAll("[data-zone-switch]")) write(button, isLocal ? "Show UTC" : "Show yours");
};

document.addEventListener("click", (event) => {
  if (!event.target.closest?.("[data-zone-switch]")) return;
  isLocal = !isLocal;
  try {
    localStorage.setItem(ZONE, isLocal ? "local" : "utc");
  } catch {
    // As above.
  }
  showTimes();
});

if (isLocal) showTimes();
new MutationObserver(() => isLocal && showTimes()).observe(document.body, { childList: true, subtree: true });
