"use strict";
// Before anything is painted: the look that was chosen last time.
try {
  const kept = localStorage.getItem("fireline-theme");
  if (kept === "dark" || kept === "light") document.documentElement.dataset.theme = kept;
} catch { /* a browser that keeps nothing follows the system */ }
