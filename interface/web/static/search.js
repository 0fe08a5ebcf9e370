// Image search: drop a picture, see what the model before and the model after return, side by side.
import { address, answered, ask, complain, el, imageOf, remember, runPicker } from "./shared.js";
import { filters } from "./filters.js";

const NAMES = { before: "Before: baseline, real images only", after: "After: the model the run ended with" };
const ONE = "Before and after: the baseline, for no round was kept";

export function start(element) {
  const head = el("div"), form = el("div"), told = el("p", { className: "quiet", role: "status", tabIndex: -1 }), results = el("div");
  let wanted = filters({}, searchAgain);
  element.replaceChildren(el("div", { className: "atlantis search" }, head, form, wanted.group, told, results));
  let run = null, index = null, indexes = [], last = null, asked = 0, placed = 0;

  // Asks both models of the run, or the index that is chosen.
  async function search(given, name) {
    const which = index ? index.value : "";
    if (given.text && !which) { told.textContent = "Words need an index: choose one made with clip:NAME (atlantis index clip:NAME DATA)."; return; }
    last = { given, name };
    const mine = ++asked, body = new FormData();
    told.textContent = `Searching with ${name} ...`;
    results.replaceChildren();
    for (const [key, value] of Object.entries(given)) body.append(key, value);
    for (const each of wanted.chosen()) body.append("where", each);
    try {
      const answer = await answered(await fetch(which ? `/api/indexes/${which}/search` : `/data/runs/${run.id}/search`, { method: "POST", body }));
      if (mine !== asked) return; // another question was asked since
      told.textContent = which ? `Nearest to ${name} in ${which}.` : `Nearest to ${name}; choose one to search with it.`;
      results.replaceChildren(which ? hits(which, answer.results) : el("div", { className: "sides" }, ...Object.entries(answer.models).map(([model, found]) => side("after" in answer.models ? NAMES[model] : ONE, found))));
    } catch (error) { if (mine === asked) { told.textContent = ""; complain(results, error); } }
  }

  function searchAgain() { if (last) search(last.given, last.name); }

  function side(title, found) {
    return el("section", { ariaLabel: title }, el("h2", {}, title), listed(found, (one) => [
      el("button", { type: "button", className: "plain", onclick: () => likeOne(one) },
        el("img", { src: imageOf(run.id, one.id), alt: one.label }), el("span", {}, one.label)), about(one, one.nearness)]));
  }

  function hits(which, found) {
    return listed(found, (one) => [el("img", { src: `/api/indexes/${which}/image/${encodeURIComponent(one.id)}`, alt: one.label }), el("span", {}, one.label), about(one, one.distance)]);
  }

  function likeOne(one) {
    preview.src = imageOf(run.id, one.id, 320);
    preview.hidden = false;
    remember({ key: one.id });
    search({ key: one.id }, `an image of ${one.label}`);
    told.focus(); // its button is gone: the keyboard goes on from here, not from the top of the page
  }

  // Indexes made by `atlantis index`: with words too, where their model knows any.
  async function offerIndexes() {
    indexes = (await answered(await fetch("/api/indexes"))).indexes.filter((one) => one.complete);
    if (!indexes.length) return;
    index = el("select", { id: "index", onchange: choosePlace }, el("option", { value: "" }, "both models of the run"), ...indexes.map((one) => el("option", { value: one.index }, `index ${one.index} (${one.images.toLocaleString("en")} images)`)));
    const words = el("input", { type: "search", id: "text", placeholder: "words, for an index of a clip: model", maxLength: 2000, size: 34 });
    words.addEventListener("change", () => { if (words.value) search({ text: words.value }, `“${words.value}”`); });
    form.append(el("div", { className: "tools" }, el("label", {}, "Search", index), el("label", {}, "Or in words", words)));
  }

  // Another place has other columns to filter by; what was asked is asked there, but for an image that only the run knows.
  async function choosePlace() {
    const mine = ++placed, which = index ? index.value : "", found = indexes.find((one) => one.index === which);
    results.replaceChildren();
    told.textContent = "";
    try {
      const { columns } = found || await ask(`/runs/${run.id}/models`);
      if (mine !== placed) return; // another place was chosen since
      const before = wanted.group;
      wanted = filters(columns, searchAgain);
      before.replaceWith(wanted.group);
    } catch (error) { complain(results, error); }
    if (last && !(last.given.key && which) && !(last.given.text && !which)) searchAgain();
  }

  const preview = el("img", { className: "preview", alt: "what is searched with", hidden: true });
  const file = el("input", { type: "file", id: "picture", accept: "image/*", onchange: () => take(file.files[0]) });
  const drop = el("label", { className: "drop", htmlFor: "picture" }, "Drop a picture here, or choose one: ", file, preview);
  function take(picture) {
    if (!picture || !run) return;
    if (preview.src.startsWith("blob:")) URL.revokeObjectURL(preview.src);
    preview.src = URL.createObjectURL(picture);
    preview.hidden = !picture.type.startsWith("image/");
    remember({ key: "" });
    search({ file: picture }, picture.name);
  }
  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => { event.preventDefault(); drop.classList.remove("over"); take(event.dataTransfer.files[0]); });
  form.append(drop);
  offerIndexes().catch((error) => complain(results, error));

  runPicker(head, (chosen) => {
    const key = run === null ? address.get("key") : "";
    run = chosen;
    remember({ run: run.id, key });
    last = key ? { given: { key }, name: "an image of the collection" } : null;
    if (key) { preview.src = imageOf(run.id, key, 320); preview.hidden = false; }
    choosePlace();
  }).catch((error) => complain(head, error));
}

function listed(found, parts) {
  if (!found.length) return el("p", { className: "quiet" }, "No image meets the filter.");
  return el("ol", { className: "results" }, ...found.map((one) => el("li", {}, ...parts(one))));
}

function about(one, far) {
  const facets = Object.entries(one.facets).map(([facet, value]) => `${facet}=${value}`).join(", ");
  return el("p", { className: "quiet" }, [facets, far.toFixed(3)].filter(Boolean).join(" · "));
}
