// The screens of the releases: a cut's progress, and pieces of a page that are asked for when somebody wants them.
// Everything works without it too: the progress by the page's own refresh, the pieces as pages of their own.
(() => {
  "use strict";
  const EVERY_MS = 1000;
  const LATER_MS = 5000;

  async function ask(url) {
    const response = await fetch(url, { headers: { "X-Requested-With": "XMLHttpRequest" } });
    if (!response.ok) throw new Error(String(response.status));
    return response;
  }

  function poll(box) {
    const again = (after) => setTimeout(step, after);
    let shown = "";
    async function step() {
      if (document.hidden) return again(EVERY_MS);
      try {
        const state = await (await ask(box.dataset.relPoll)).json();
        // The end brings another page: what can be done then, and the report.
        if (!state.runs) return location.reload();
        if (state.html !== shown) box.innerHTML = shown = state.html;
        return again(EVERY_MS);
      } catch {
        return again(LATER_MS);
      }
    }
    again(EVERY_MS);
  }

  async function load(event) {
    const link = event.currentTarget;
    const box = document.getElementById(link.dataset.relLoad);
    event.preventDefault();
    if (link.getAttribute("aria-busy") === "true") return;
    const label = link.textContent;
    link.setAttribute("aria-busy", "true");
    link.textContent = link.dataset.relBusy;
    try {
      const url = new URL(link.href);
      url.searchParams.set("part", "1");
      box.innerHTML = await (await ask(url)).text();
    } catch {
      location.assign(link.href);
    } finally {
      link.removeAttribute("aria-busy");
      link.textContent = label;
    }
  }

  for (const box of document.querySelectorAll("[data-rel-poll]")) poll(box);
  for (const link of document.querySelectorAll("[data-rel-load]")) link.addEventListener("click", load);
})();
