// Theme and density, kept in this browser; menus that close when one clicks elsewhere.
import { forgetDrafts } from "./drafts.js";

export function offerPreferences() {
  if (localStorage.getItem("compact") === "1") document.body.classList.add("compact");
  document.addEventListener("click", onClick);
  document.addEventListener("submit", (event) => {
    if (event.target.matches('[data-does="leave"]')) forgetDrafts();
  });
}

function onClick(event) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
  switch (event.target.closest("[data-does]")?.dataset.does) {
    case "theme":
      toggleTheme();
      break;
    case "compact":
      localStorage.setItem("compact", document.body.classList.toggle("compact") ? "1" : "0");
      break;
    case "help":
      document.querySelector("#keyboard").showModal();
      break;
    case "back":
      if (sessionStorage.getItem("list")) {
        event.preventDefault();
        location.assign(sessionStorage.getItem("list"));
      }
      break;
  }
}

function toggleTheme() {
  const root = document.documentElement;
  const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
}
