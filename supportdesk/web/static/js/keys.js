// Single keys, ignored in fields and dialogs; they can be switched off (WCAG 2.1.4).
const OFF = "keys-off";

export function listenToKeys() {
  document.addEventListener("keydown", onKey);
  const box = document.querySelector('[data-does="keys-off"]');
  if (!box) return;
  box.checked = localStorage.getItem(OFF) === "1";
  box.addEventListener("change", () => localStorage.setItem(OFF, box.checked ? "1" : "0"));
}

function onKey(event) {
  const field = event.target.closest("input, textarea, select, dialog, [contenteditable]");
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches("textarea")) {
    event.preventDefault();
    event.target.form.requestSubmit(event.target.form.querySelector("button"));
    return;
  }
  if (event.key === "Escape") {
    if (event.target.matches("textarea, .find input")) event.target.blur();
    for (const menu of document.querySelectorAll("details.menu[open]")) closeMenu(menu, event.target);
    return;
  }
  if (field || event.ctrlKey || event.metaKey || event.altKey || localStorage.getItem(OFF) === "1") return;
  const act = ACTS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (act?.(event)) event.preventDefault();
}

const ACTS = {
  j: () => move(1),
  k: () => move(-1),
  ArrowDown: (event) => event.target.matches(".row-link, [data-step] *") && move(1),
  ArrowUp: (event) => event.target.matches(".row-link, [data-step] *") && move(-1),
  r: () => write("reply"),
  n: () => write("note"),
  a: () => acknowledge() || openMenu("a"),
  s: () => openMenu("s"),
  e: () => press(document.querySelector('#ticket [data-key="e"]')),
  "/": () => focus(document.querySelector("#find")),
  "?": () => {
    document.querySelector("#keyboard")?.showModal();
    return true;
  },
};

function move(step) {
  const stops = [...document.querySelectorAll("#list .row-link, [data-step] a.title, .rows .row-link")];
  if (!stops.length) return false;
  const here = stops.findIndex((stop) => stop === document.activeElement || stop.closest("[data-step]")?.contains(document.activeElement));
  const open = stops.findIndex((stop) => stop.getAttribute("aria-current"));
  const from = here >= 0 ? here : open;
  return focus(stops[Math.min(Math.max(from + step, 0), stops.length - 1)]);
}

function write(kind) {
  const tab = document.querySelector(`#tab-${kind}`);
  if (!tab) return false;
  tab.checked = true;
  return focus(document.querySelector(`#${kind}-text`));
}

function acknowledge() {
  const steps = document.querySelector("[data-steps]");
  if (!steps) return false;
  const step = document.activeElement.closest("[data-step]") ?? steps.querySelector("[data-step]");
  return press(step?.querySelector('[data-key="a"]'));
}

function openMenu(key) {
  const summary = document.querySelector(`#ticket summary[data-key="${key}"]`);
  if (!summary) return false;
  const menu = summary.parentElement;
  menu.open = true;
  return focus(menu.querySelector("button.item, input")) || true;
}

function closeMenu(menu, from) {
  menu.open = false;
  if (menu.contains(from)) menu.querySelector("summary").focus();
}

function press(button) {
  button?.click();
  return Boolean(button);
}

function focus(element) {
  element?.focus();
  element?.scrollIntoView({ block: "nearest" });
  return Boolean(element);
}
