// What is being written stays in this browser until it is sent, also when the page is lost.
const WAIT_MS = 800;
const PREFIX = "draft:";

export function keepDrafts(root) {
  for (const form of root.querySelectorAll("form[data-draft]")) {
    const field = form.querySelector("textarea");
    const kept = localStorage.getItem(key(form));
    if (kept && !field.value) {
      field.value = kept;
      if (form.dataset.draft === "note") document.querySelector("#tab-note").checked = true;
    }
    let timer = 0;
    const save = () => {
      clearTimeout(timer);
      if (form.dataset.sent) return; // a form that leaves the page loses focus once more
      if (field.value.trim()) localStorage.setItem(key(form), field.value);
      else localStorage.removeItem(key(form));
      say(form, field.value.trim());
    };
    field.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(save, WAIT_MS);
    });
    field.addEventListener("blur", save);
    form.addEventListener("submit", save);
    window.addEventListener("pagehide", () => field.isConnected && save());
  }
}

export function draftWasSent(form) {
  if (!form.dataset.draft) return;
  form.dataset.sent = "1";
  localStorage.removeItem(key(form));
}

export function forgetDrafts() {
  for (const name of Object.keys(localStorage)) {
    if (name.startsWith(PREFIX)) localStorage.removeItem(name);
  }
}

function key(form) {
  return PREFIX + new URL(form.action).pathname;
}

function say(form, text) {
  const place = form.querySelector("[data-saved]");
  const clock = new Date().toLocaleTimeString(document.documentElement.lang, { hour: "numeric", minute: "2-digit" });
  place.textContent = text ? `${document.documentElement.lang === "cs" ? "Uloženo" : "Saved"} ${clock}` : "";
}
