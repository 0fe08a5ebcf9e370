// The gallery: thousands of candidates in blocks; only those near the screen are in the page.
import { address, ask, complain, el, imageOf, remember, runPicker } from "./shared.js";

const BLOCK = 60;
const ROW_GUESS_PX = 344;
const AHEAD = "1200px";
const FILTERS = [["round", "Round"], ["standing", "Decided"], ["filter", "By filter"], ["class", "Class"], ["value", "Facet value"]];
const ORDERS = { asked: "as asked for", cell: "by cell", worst: "worst score first", best: "best score first" };

export function start(element) {
  const head = el("div"), tools = el("div", { className: "tools" }), told = el("p", { className: "quiet", role: "status", id: "count" });
  const grid = el("div", { id: "grid" });
  element.replaceChildren(el("div", { className: "atlantis gallery" }, head, tools, told, grid));
  runPicker(head, (run) => { remember({ run: run.id }); open(run, tools, told, grid).catch((error) => complain(grid, error)); })
    .catch((error) => complain(head, error));
}

async function open(run, tools, told, grid) {
  const wanted = { order: address.get("order") || "asked" };
  for (const [name] of FILTERS) wanted[name] = address.get(name) || "";
  wanted.words = address.get("words") || "";
  const draw = () => fill(run, wanted, told, grid).catch((error) => complain(grid, error));
  const change = (name) => (event) => { wanted[name] = event.target.value; remember({ [name]: event.target.value }); draw(); };
  draw(); // before the filters are counted: pictures first
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
    el("label", {}, "Words", el("input", { type: "search", value: wanted.words, onchange: change("words"), placeholder: "in prompt, class or key", maxLength: 200 })),
  );
}

let drawn = 0;

async function fill(run, wanted, told, grid) {
  const mine = ++drawn;
  const query = (offset) => {
    const { class: className, ...rest } = wanted;
    const chosen = Object.entries({ ...rest, class_name: className, offset, limit: BLOCK }).filter(([, value]) => value !== "");
    return `/runs/${run.id}/candidates?${new URLSearchParams(chosen)}`;
  };
  const first = await ask(query(0));
  if (mine !== drawn) return;
  told.textContent = first.all ? `${first.total.toLocaleString("en")} of ${first.all.toLocaleString("en")} images` : "This run has made no image yet.";
  const blocks = Array.from({ length: Math.ceil(first.total / BLOCK) }, (_, index) => el("div", { className: "block", "data-index": index }));
  const columns = Math.max(1, Math.floor(grid.clientWidth / 200));
  blocks.forEach((block) => { block.style.minHeight = `${Math.ceil(BLOCK / columns) * ROW_GUESS_PX}px`; });
  grid.replaceChildren(...blocks);
  const put = (block, found) => {
    block.style.minHeight = "";
    block.replaceChildren(...found.map((one) => card(run, one)));
    near(run, block, found);
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
  const made = el("article", { className: `card ${one.standing}${one.by_hand ? " hand" : ""}`, tabIndex: 0, "data-key": one.key, ariaLabel: `${one.class} ${one.value}, ${one.standing}` });
  const said = one.verdict ? one.verdict.reason : "the filters have not seen it yet";
  const decide = async (kept) => {
    try {
      const { candidates } = await ask(`/runs/${run.id}/overrule`, { keys: [one.key], kept });
      const fresh = card(run, candidates[0]);
      fresh.querySelector(".near").replaceChildren(...made.querySelector(".near").childNodes);
      made.replaceWith(fresh);
      fresh.focus();
    } catch (error) { made.querySelector(".said").textContent = error.message; }
  };
  made.addEventListener("keydown", (event) => {
    if (event.target !== made) return;
    if (event.key === "r" && one.standing !== "rejected") decide(false);
    if (event.key === "k" && one.standing !== "kept") decide(true); // what is final is refused with its reason
  });
  const score = one.verdict ? ` ${one.verdict.score.toFixed(3)}` : "";
  made.append(
    el("div", { className: "pair" },
      el("img", { loading: "lazy", src: imageOf(run.id, one.key), alt: `made: ${one.class} ${one.value}`, width: 120, height: 120 }),
      el("div", { className: "near", ariaLabel: "nearest real images" }, one.source ? el("img", { loading: "lazy", src: imageOf(run.id, one.source, 96), alt: "the real photo it started from", title: "the real photo it started from" }) : null)),
    el("p", {}, el("b", {}, one.class), one.facet ? ` ${one.facet}=${one.value}` : ""),
    el("p", { className: `verdict ${one.standing}` }, one.standing, el("span", { className: "quiet" }, one.verdict ? ` ${one.verdict.filter}${score}` : "")),
    el("p", { className: "quiet said" }, said),
    el("p", { className: "quiet prompt", title: one.prompt }, one.prompt),
    el("p", { className: "actions" },
      one.standing === "rejected" ? null : el("button", { type: "button", onclick: () => decide(false) }, "Reject"),
      one.standing === "kept" || one.final ? null : el("button", { type: "button", onclick: () => decide(true) }, "Keep"),
      el("a", { href: `/trace?run=${run.id}&image=${one.key}` }, `round ${one.round}: how it was made`)),
  );
  return made;
}

async function near(run, block, found) {
  let nearest = {};
  try { nearest = await ask(`/runs/${run.id}/near?keys=${found.map((one) => one.key).join(",")}`); } catch { return; } // the photo it started from stays
  for (const [key, images] of Object.entries(nearest)) {
    const place = block.querySelector(`[data-key="${key}"] .near`);
    if (place) place.replaceChildren(...images.map((one) => el("img", { loading: "lazy", src: imageOf(run.id, one.id, 96), alt: `real: ${one.label}`, title: `real: ${one.label}, nearness ${one.nearness.toFixed(3)}` })));
  }
}
