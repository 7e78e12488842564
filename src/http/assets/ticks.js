// Boxes that are ticked over several pages of a list, for one decision: kept for as long as the tab is there, and sent along with those of the
// page. A box that ticks all of a page, and buttons that say how many are ticked in all. Without script the boxes of the page are sent.
"use strict";

(() => {
  // Where nothing can be kept, the page alone knows.
  const store = (() => {
    try {
      sessionStorage.getItem("ticks");
      return sessionStorage;
    } catch {
      const known = new Map();
      return { getItem: (key) => known.get(key) ?? null, setItem: (key, value) => known.set(key, value) };
    }
  })();

  const boxesOf = (form) => [...form.querySelectorAll("[data-row] input[type=checkbox]")];
  const keyOf = (form) => `ticks ${form.dataset.ticking}`;

  // Whom an earlier decision was about is ticked no more once the page tells what came of it.
  const decided = () => new URLSearchParams(location.search).get("decision") ?? "";

  const kept = (form) => JSON.parse(store.getItem(keyOf(form))) ?? { decision: "", ids: [] };

  const read = (form) => {
    const { decision, ids } = kept(form);
    return new Set(decided() === "" || decided() === decision ? ids : []);
  };

  const keep = (form, ids) => {
    store.setItem(keyOf(form), JSON.stringify({ decision: decided() || kept(form).decision, ids: [...ids] }));
  };

  const show = (form, ids, told = "") => {
    const boxes = boxesOf(form);
    for (const box of boxes) box.checked = ids.has(box.value);
    const here = boxes.filter((box) => box.checked).length;
    const all = form.querySelector("[data-tick-all]");
    all.checked = here > 0 && here === boxes.length;
    all.indeterminate = here > 0 && here < boxes.length;
    for (const button of form.querySelectorAll("[data-counting]")) {
      button.textContent = `${button.dataset.counting} ${ids.size > 0 ? ids.size : "the ticked"}`;
    }
    const elsewhere = ids.size - here;
    form.querySelector("[data-untick]").hidden = elsewhere === 0;
    form.querySelector("[data-ticks-told]").textContent = told || (elsewhere > 0 ? `${elsewhere} of them not on this page.` : "");
  };

  document.addEventListener("change", (event) => {
    const form = event.target.closest?.("form[data-ticking]");
    if (!form) return;
    const ids = read(form);
    const most = Number(form.dataset.most);
    const touched = event.target.matches("[data-tick-all]") ? boxesOf(form) : [event.target];
    let isFull = false;
    for (const box of touched) {
      if (!event.target.checked) ids.delete(box.value);
      else if (ids.size < most) ids.add(box.value);
      else isFull = isFull || !ids.has(box.value);
    }
    keep(form, ids);
    show(form, ids, isFull ? `At most ${most} can be ticked at once: decide about these first.` : "");
  });

  document.addEventListener("click", (event) => {
    const form = event.target.closest?.("[data-untick]")?.form;
    if (!form) return;
    keep(form, new Set());
    show(form, new Set());
  });

  document.addEventListener("formdata", (event) => {
    const form = event.target;
    if (!form.matches("form[data-ticking]")) return;
    const here = new Set(boxesOf(form).map((box) => box.value));
    for (const id of read(form)) if (!here.has(id)) event.formData.append("id", id);
  });

  const showAll = () => {
    for (const form of document.querySelectorAll("form[data-ticking]")) {
      const ids = read(form);
      keep(form, ids);
      show(form, ids);
    }
  };
  // Also on a page that is come back to, and when the list of a run that has just ended takes its place.
  addEventListener("pageshow", showAll);
  document.addEventListener("renewed", showAll);
})();
