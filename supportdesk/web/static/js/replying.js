// Tells the service while a reply is open, so that colleagues see it and the ticket stays here.
const REPEAT_MS = 120_000;

export function tellReplying(root) {
  const form = root.querySelector("form.write-reply");
  if (!form) return;
  const field = form.querySelector("textarea");
  let told = 0;
  field.addEventListener("input", async () => {
    if (!field.value.trim() || Date.now() - told < REPEAT_MS) return;
    told = Date.now();
    const address = new URL(form.action);
    address.pathname = address.pathname.replace(/reply$/, "replying");
    const token = form.querySelector("[name=csrf_token]").value;
    await fetch(address, { method: "POST", headers: { "X-CSRFToken": token } }).catch(() => {});
  });
}
