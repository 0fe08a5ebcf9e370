// The runs page: live figures, the map of gaps, and the answers to a cell's queries.
import { address, ask, complain, el, remember, runPicker } from "./shared.js";
import { approvals } from "./approval.js";

const EVERY_MS = 1000;

export function start(element) {
  const head = el("div"), approval = el("div"), doing = el("p", { className: "quiet doing", role: "status" });
  const page = el("div"), map = el("div", { id: "map" }), cell = el("div", { id: "cell" });
  element.replaceChildren(el("div", { className: "atlantis runs" }, head, doing, approval, page, map, cell));
  const updateApproval = approvals(approval);
  let run = null, seen = "", facet = null, busy = false;

  async function drawMap(name) {
    facet = name;
    try { map.innerHTML = (await ask(`/runs/${run.id}/gaps?facet=${encodeURIComponent(name)}`)).html; } catch (error) { complain(map, error); }
  }

  async function drawCell(button) {
    const { class: className, facet: facetName, value } = button.dataset;
    cell.replaceChildren(el("p", { className: "quiet", role: "status" }, "Ranking the queries of this cell (the first time takes seconds) ..."));
    try {
      const where = new URLSearchParams({ class_name: className, facet: facetName, value });
      cell.innerHTML = (await ask(`/runs/${run.id}/cell?${where}`)).html;
      cell.querySelector("h3").focus();
    } catch (error) { complain(cell, error); }
  }

  async function look() {
    if (!run || busy) return;
    busy = true;
    try {
      const now = await ask(`/runs/${run.id}/page?seen=${encodeURIComponent(seen)}`);
      doing.textContent = [now.doing, now.problem].filter(Boolean).join(" · ");
      if (now.html !== undefined) {
        seen = now.stamp;
        page.innerHTML = now.html; // escaped by the server's template
        const select = page.querySelector("[data-facet]");
        if (select) {
          if (facet !== null) select.value = facet;
          select.addEventListener("change", () => drawMap(select.value));
        }
        if (page.querySelector("h2")) drawMap(select ? select.value : "");
      }
      updateApproval(run.id, page.querySelector("[data-status]").dataset.status);
    } catch (error) { complain(page, error); seen = ""; }
    busy = false;
  }

  page.addEventListener("click", async (event) => {
    const act = event.target.dataset && event.target.dataset.act;
    if (!act) return;
    event.target.disabled = true;
    try { doing.textContent = (await ask(`/runs/${run.id}/${act}`, {})).message; } catch (error) { doing.textContent = error.message; event.target.disabled = false; }
  });
  map.addEventListener("click", (event) => { const button = event.target.closest("button"); if (button) drawCell(button); });
  runPicker(head, (chosen) => {
    run = chosen; seen = ""; facet = address.get("facet");
    [page, map, cell].forEach((place) => place.replaceChildren());
    remember({ run: run.id });
    look();
  }).catch((error) => complain(head, error));
  setInterval(look, EVERY_MS);
}
