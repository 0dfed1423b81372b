// Opens tickets and sends forms without loading the page anew: the server's page is fetched whole
// and its panes take the place of ours, so that the list stays where it was.
import { draftWasSent } from "./drafts.js";

let prepare = () => {};

export function openWithoutReload(prepareRoot) {
  prepare = prepareRoot;
  document.addEventListener("click", onClick);
  document.addEventListener("submit", onSubmit);
  window.addEventListener("popstate", () => show(location.href, { push: false }));
  history.replaceState({ desk: true }, "");
}

export async function fillList() {
  const list = document.querySelector("#list[data-wanted]");
  if (!list) return;
  const address = remembered("list") ?? "/";
  const page = await read(await fetch(address));
  const fetched = page?.querySelector("#list");
  if (fetched) {
    list.replaceWith(fetched);
    markOpen(location.pathname);
    markView(page.querySelector(".view[aria-current]")?.getAttribute("href"));
  }
}

function onClick(event) {
  const link = event.target.closest("a.row-link, .earlier a");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
  remember();
  if (innerWidth < 768) return;
  event.preventDefault();
  show(link.href, { push: true });
}

function remember() {
  const view = document.querySelector(".panes.inbox");
  if (view) sessionStorage.setItem("list", location.pathname + location.search);
}

function remembered(name) {
  const address = sessionStorage.getItem(name);
  return address && /^\/(inbox\/|search\?)/.test(address) ? address : null;
}

async function show(address, { push }) {
  const wanted = new URL(address);
  if (!/^\/tickets\/\d+$/.test(wanted.pathname) || !document.querySelector("#list .list-scroll")) {
    location.assign(address);
    return;
  }
  const response = await fetch(address);
  const page = await read(response);
  if (!page?.querySelector("#ticket")) {
    location.assign(address);
    return;
  }
  if (push) history.pushState({ desk: true }, "", address);
  take(page);
  markOpen(wanted.pathname);
}

async function onSubmit(event) {
  const form = event.target.closest("form[data-swap]");
  if (!form || event.defaultPrevented) return;
  event.preventDefault();
  const button = event.submitter;
  if (form.ariaBusy === "true") return;
  form.ariaBusy = "true";
  button?.setAttribute("aria-busy", "true");
  const data = new FormData(form);
  if (button?.name) data.append(button.name, button.value);
  try {
    const response = await fetch(form.action, { method: "POST", body: new URLSearchParams(data) });
    const page = await read(response);
    if (!page?.querySelector("#ticket")) throw new Error("not a ticket");
    if (response.ok) draftWasSent(form);
    take(page);
    await refreshList();
  } catch {
    // The ordinary way tells what is wrong in the server's own words, and gives the text back.
    draftWasSent(form);
    HTMLFormElement.prototype.submit.call(withSubmitter(form, button));
  } finally {
    form.ariaBusy = null;
    button?.removeAttribute("aria-busy");
  }
}

function withSubmitter(form, button) {
  if (button?.name) {
    const field = document.createElement("input");
    field.type = "hidden";
    field.name = button.name;
    field.value = button.value;
    form.append(field);
  }
  return form;
}

async function refreshList() {
  const shown = document.querySelector("#list .list-scroll");
  if (!shown) return;
  const page = await read(await fetch(remembered("list") ?? "/"));
  const fresh = page?.querySelector("#list .list-scroll");
  if (!fresh) return;
  const position = shown.scrollTop;
  shown.replaceWith(fresh);
  fresh.scrollTop = position;
  markOpen(location.pathname);
}

function take(page) {
  const here = document.querySelector(".panes");
  const there = page.querySelector(".panes");
  if (!document.querySelector("#ticket")) {
    const list = document.querySelector("#list");
    there.querySelector("#list").replaceWith(list);
    here.replaceWith(there);
  } else {
    for (const id of ["ticket", "context"]) {
      document.getElementById(id).replaceWith(page.getElementById(id));
    }
  }
  for (const count of page.querySelectorAll(".view")) {
    const ours = document.querySelector(`.view[href="${count.getAttribute("href")}"]`);
    if (ours) ours.innerHTML = count.innerHTML;
  }
  document.title = page.title;
  document.querySelector("#toasts").innerHTML = page.querySelector("#toasts").innerHTML;
  prepare(document.querySelector("#ticket"));
}

async function read(response) {
  if (!response.headers.get("Content-Type")?.startsWith("text/html")) return null;
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

function markOpen(path) {
  for (const row of document.querySelectorAll(".row-link")) {
    if (row.getAttribute("href") === path) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
}

function markView(address) {
  if (!address) return;
  for (const view of document.querySelectorAll(".view")) {
    if (view.getAttribute("href") === address) view.setAttribute("aria-current", "page");
    else view.removeAttribute("aria-current");
  }
}
