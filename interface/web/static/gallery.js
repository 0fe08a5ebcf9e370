// The gallery page: thousands of candidates in blocks; only blocks near the screen are in the document.
import { address, ask, complain, el, imageOf, remember, runPicker } from "./shared.js";

const BLOCK = 60;
const ROW_GUESS_PX = 344;
const AHEAD = "1200px";
const FILTERS = [["round", "Round"], ["status", "Decision"], ["filter", "Filter"], ["class", "Class"], ["value", "Facet value"]];
const ORDERS = { asked: "in request order", cell: "by cell", worst: "worst scores first", best: "best scores first" };

export function start(element) {
  const head = el("div"), tools = el("div", { className: "tools" }), status = el("p", { className: "quiet", role: "status", id: "count" });
  const grid = el("div", { id: "grid" });
  element.replaceChildren(el("div", { className: "atlantis gallery" }, head, tools, status, grid));
  runPicker(head, (run) => { remember({ run: run.id }); open(run, tools, status, grid).catch((error) => complain(grid, error)); })
    .catch((error) => complain(head, error));
}

async function open(run, tools, status, grid) {
  const wanted = { order: address.get("order") || "asked" };
  if (address.has("standing")) remember({ status: address.get("standing"), standing: "" }); // the name in addresses of version 0.1
  for (const [name] of FILTERS) wanted[name] = address.get(name) || "";
  wanted.words = address.get("words") || "";
  const draw = () => fill(run, wanted, status, grid).catch((error) => complain(grid, error));
  const change = (name) => (event) => { wanted[name] = event.target.value; remember({ [name]: event.target.value }); draw(); };
  draw(); // images first, then the counts of the filters
  const counts = await ask(`/runs/${run.id}/counts`);
  tools.replaceChildren(
    ...FILTERS.filter(([name]) => Object.keys(counts[name]).length).map(([name, label]) => {
      const options = Object.entries(counts[name]).map(([value, count]) => el("option", { value }, `${value} (${count})`));
      const select = el("select", { onchange: change(name), id: `filter-${name}` }, el("option", { value: "" }, "any"), ...options);
      select.value = wanted[name];
      return el("label", {}, label, select);
    }),
    el("label", {}, "Sort", (() => {
      const select = el("select", { onchange: change("order"), id: "order" }, ...Object.entries(ORDERS).map(([value, text]) => el("option", { value }, text)));
      select.value = wanted.order;
      return select;
    })()),
    el("label", {}, "Search", el("input", { type: "search", value: wanted.words, onchange: change("words"), placeholder: "in prompt, class or key", maxLength: 200 })),
  );
}

let drawn = 0;

async function fill(run, wanted, status, grid) {
  const mine = ++drawn;
  const query = (offset) => {
    const { class: className, ...rest } = wanted;
    const chosen = Object.entries({ ...rest, class_name: className, offset, limit: BLOCK }).filter(([, value]) => value !== "");
    return `/runs/${run.id}/candidates?${new URLSearchParams(chosen)}`;
  };
  const first = await ask(query(0));
  if (mine !== drawn) return;
  status.textContent = first.all ? `${first.total.toLocaleString("en")} of ${first.all.toLocaleString("en")} images` : "This run has not generated any images yet.";
  const blocks = Array.from({ length: Math.ceil(first.total / BLOCK) }, (_, index) => el("div", { className: "block", "data-index": index }));
  const columns = Math.max(1, Math.floor(grid.clientWidth / 200));
  blocks.forEach((block) => { block.style.minHeight = `${Math.ceil(BLOCK / columns) * ROW_GUESS_PX}px`; });
  grid.replaceChildren(...blocks);
  const put = (block, found) => {
    block.style.minHeight = "";
    block.replaceChildren(...found.map((one) => card(run, one)));
    showNearest(run, block, found);
  };
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const block = entry.target;
      if (!entry.isIntersecting) {
        if (block.childElementCount && !block.contains(document.activeElement)) { block.style.minHeight = `${block.offsetHeight}px`; block.replaceChildren(); }
        continue;
      }
      if (block.childElementCount || block.dataset.asked) continue;
      block.dataset.asked = "1";
      ask(query(Number(block.dataset.index) * BLOCK))
        .then((found) => { if (mine === drawn) put(block, found.candidates); })
        .catch((error) => complain(block, error))
        .finally(() => { delete block.dataset.asked; });
    }
  }, { rootMargin: AHEAD });
  if (blocks.length) put(blocks[0], first.candidates);
  blocks.forEach((block) => observer.observe(block));
}

function card(run, one) {
  const shown = el("article", { className: `card ${one.status}${one.by_hand ? " hand" : ""}`, tabIndex: 0, "data-key": one.key, ariaLabel: `${one.class} ${one.value}, ${one.status}` });
  const reason = one.verdict ? one.verdict.reason : "not filtered yet";
  const decide = async (kept) => {
    try {
      const { candidates } = await ask(`/runs/${run.id}/overrule`, { keys: [one.key], kept });
      const fresh = card(run, candidates[0]);
      fresh.querySelector(".near").replaceChildren(...shown.querySelector(".near").childNodes);
      shown.replaceWith(fresh);
      fresh.focus();
    } catch (error) { shown.querySelector(".said").textContent = error.message; }
  };
  shown.addEventListener("keydown", (event) => {
    if (event.target !== shown) return;
    if (event.key === "r" && one.status !== "rejected") decide(false);
    if (event.key === "k" && one.status !== "kept") decide(true); // the server refuses final verdicts and says why
  });
  const score = one.verdict ? ` ${one.verdict.score.toFixed(3)}` : "";
  shown.append(
    el("div", { className: "pair" },
      el("img", { loading: "lazy", src: imageOf(run.id, one.key), alt: `synthetic: ${one.class} ${one.value}`, width: 120, height: 120 }),
      el("div", { className: "near", ariaLabel: "nearest real images" }, one.source ? el("img", { loading: "lazy", src: imageOf(run.id, one.source, 96), alt: "the real source image", title: "the real source image" }) : null)),
    el("p", {}, el("b", {}, one.class), one.facet ? ` ${one.facet}=${one.value}` : ""),
    el("p", { className: `verdict ${one.status}` }, one.status, el("span", { className: "quiet" }, one.verdict ? ` ${one.verdict.filter}${score}` : "")),
    el("p", { className: "quiet said" }, reason),
    el("p", { className: "quiet prompt", title: one.prompt }, one.prompt),
    el("p", { className: "actions" },
      one.status === "rejected" ? null : el("button", { type: "button", onclick: () => decide(false) }, "Reject"),
      one.status === "kept" || one.final ? null : el("button", { type: "button", onclick: () => decide(true) }, "Keep"),
      el("a", { href: `/trace?run=${run.id}&image=${one.key}` }, `round ${one.round}: how it was generated`)),
  );
  return shown;
}

async function showNearest(run, block, found) {
  let nearest = {};
  try { nearest = await ask(`/runs/${run.id}/near?keys=${found.map((one) => one.key).join(",")}`); } catch { return; } // the source image stays
  for (const [key, images] of Object.entries(nearest)) {
    const place = block.querySelector(`[data-key="${key}"] .near`);
    if (place) place.replaceChildren(...images.map((one) => el("img", { loading: "lazy", src: imageOf(run.id, one.id, 96), alt: `real: ${one.label}`, title: `real: ${one.label}, similarity ${one.nearness.toFixed(3)}` })));
  }
}
