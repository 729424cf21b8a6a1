"use strict";
// Conveniences only: without them the page shows the same.

// A link to a case or a section opens it, and shows it whatever is filtered out.
function openTarget() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  if (target.matches("details")) target.open = true;
  if (target.matches(".case") && !target.checkVisibility()) show("all");
  target.scrollIntoView();
}

function show(which) {
  const choice = document.getElementById("show-" + which);
  if (choice) choice.checked = true;
}

addEventListener("hashchange", openTarget);
addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='#']");
  if (!link) return;
  if (link.dataset.show) show(link.dataset.show);
  // The same address again is no hashchange.
  if (link.hash === location.hash) openTarget();
});
openTarget();

// On paper: all tables, and the exchange of what failed; afterwards as before.
const opened = [];
addEventListener("beforeprint", () => {
  for (const each of document.querySelectorAll("details.section:not([open]), details.case.failed:not([open])")) {
    each.open = true;
    opened.push(each);
  }
});
addEventListener("afterprint", () => {
  while (opened.length) opened.pop().open = false;
});
