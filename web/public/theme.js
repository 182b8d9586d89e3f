// Sets the colour scheme before the first paint; a file because the CSP allows no inline script.
(function () {
  var stored = null;
  try {
    stored = window.localStorage.getItem("mantine-color-scheme-value");
  } catch {
    stored = null;
  }
  var auto = window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  var scheme = stored === "dark" || stored === "light" ? stored : auto;
  document.documentElement.setAttribute("data-mantine-color-scheme", scheme);
})();
