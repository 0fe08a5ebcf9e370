// The search page: drop an image and compare what the models before and after the run return.
import { address, answered, ask, complain, el, imageOf, remember, runPicker } from "./shared.js";
import { filters } from "./filters.js";

const NAMES = { before: "Before: the baseline, trained on real images only", after: "After: the final model of the run" };
const ONE = "Baseline (also the final model: no round was kept)";

export function start(element) {
  const head = el("div"), form = el("div"), status = el("p", { className: "quiet", role: "status", tabIndex: -1 }), results = el("div");
  let wanted = filters({}, searchAgain);
  element.replaceChildren(el("div", { className: "atlantis search" }, head, form, wanted.group, status, results));
  let run = null, index = null, indexes = [], last = null, started = 0, choice = 0;

  // Queries both models of the run, or the chosen index.
  async function search(given, name) {
    const which = index ? index.value : "";
    if (given.text && !which) { status.textContent = "Text queries need an index of a clip: model; choose one, or build one with: atlantis index clip:NAME DATA"; return; }
    last = { given, name };
    const mine = ++started, body = new FormData();
    status.textContent = `Searching with ${name} ...`;
    results.replaceChildren();
    for (const [key, value] of Object.entries(given)) body.append(key, value);
    for (const each of wanted.chosen()) body.append("where", each);
    try {
      const answer = await answered(await fetch(which ? `/api/indexes/${which}/search` : `/data/runs/${run.id}/search`, { method: "POST", body }));
      if (mine !== started) return; // a newer query is running
      status.textContent = which ? `Nearest to ${name} in ${which}.` : `Nearest to ${name}; select an image to search with it.`;
      results.replaceChildren(which ? hits(which, answer.results) : el("div", { className: "sides" }, ...Object.entries(answer.models).map(([model, found]) => side("after" in answer.models ? NAMES[model] : ONE, found))));
    } catch (error) { if (mine === started) { status.textContent = ""; complain(results, error); } }
  }

  function searchAgain() { if (last) search(last.given, last.name); }

  function side(title, found) {
    return el("section", { ariaLabel: title }, el("h2", {}, title), listed(found, (one) => [
      el("button", { type: "button", className: "plain", onclick: () => likeOne(one) },
        el("img", { src: imageOf(run.id, one.id), alt: one.label }), el("span", {}, one.label)), about(one, one.nearness)]));
  }

  function hits(which, found) {
    return listed(found, (one) => [el("img", { src: `/api/indexes/${which}/image/${encodeURIComponent(one.id)}`, alt: one.label }), el("span", {}, one.file_state ? `${one.label} (file ${one.file_state})` : one.label), about(one, one.distance)]);
  }

  function likeOne(one) {
    preview.src = imageOf(run.id, one.id, 320);
    preview.hidden = false;
    remember({ key: one.id });
    search({ key: one.id }, `an image of ${one.label}`);
    status.focus(); // its button is gone: keep the keyboard here, not at the top of the page
  }

  // Indexes built by `atlantis index`; those of a clip: model take text, too.
  async function offerIndexes() {
    indexes = (await answered(await fetch("/api/indexes"))).indexes.filter((one) => one.complete);
    if (!indexes.length) return;
    index = el("select", { id: "index", onchange: chooseGallery }, el("option", { value: "" }, "both models of the run"), ...indexes.map((one) => el("option", { value: one.index }, `index ${one.index} (${one.images.toLocaleString("en")} images)`)));
    const words = el("input", { type: "search", id: "text", placeholder: "text, for an index of a clip: model", maxLength: 2000, size: 34 });
    words.addEventListener("change", () => { if (words.value) search({ text: words.value }, `“${words.value}”`); });
    form.append(el("div", { className: "tools" }, el("label", {}, "Search", index), el("label", {}, "Or by text", words)));
  }

  // Another gallery has other columns to filter by. Repeats the last query there, unless only the run knows its image.
  async function chooseGallery() {
    const mine = ++choice, which = index ? index.value : "", found = indexes.find((one) => one.index === which);
    results.replaceChildren();
    status.textContent = "";
    try {
      const { columns } = found || await ask(`/runs/${run.id}/models`);
      if (mine !== choice) return; // another gallery was chosen meanwhile
      const before = wanted.group;
      wanted = filters(columns, searchAgain);
      before.replaceWith(wanted.group);
    } catch (error) { complain(results, error); }
    if (last && !(last.given.key && which) && !(last.given.text && !which)) searchAgain();
  }

  const preview = el("img", { className: "preview", alt: "query image", hidden: true });
  const file = el("input", { type: "file", id: "image", accept: "image/*", onchange: () => take(file.files[0]) });
  const drop = el("label", { className: "drop", htmlFor: "image" }, "Drop an image here, or choose one: ", file, preview);
  function take(image) {
    if (!image || !run) return;
    if (preview.src.startsWith("blob:")) URL.revokeObjectURL(preview.src);
    preview.src = URL.createObjectURL(image);
    preview.hidden = !image.type.startsWith("image/");
    remember({ key: "" });
    search({ file: image }, image.name);
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
    chooseGallery();
  }).catch((error) => complain(head, error));
}

function listed(found, parts) {
  if (!found.length) return el("p", { className: "quiet" }, "No image matches the filters, or the index is empty.");
  return el("ol", { className: "results" }, ...found.map((one) => el("li", {}, ...parts(one))));
}

function about(one, score) {
  const facets = Object.entries(one.facets).map(([facet, value]) => `${facet}=${value}`).join(", ");
  return el("p", { className: "quiet" }, [facets, score.toFixed(3)].filter(Boolean).join(" · "));
}
