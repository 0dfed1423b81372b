// Before the first paint: the theme that this browser chose, if it chose one.
try {
  const theme = localStorage.getItem("theme");
  if (theme) document.documentElement.dataset.theme = theme;
} catch {
  // Storage can be switched off; then the system decides.
}
