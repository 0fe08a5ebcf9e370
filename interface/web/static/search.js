// Image search: drop a picture, see what the model before and the model after return, side by side.
import { address, answered, complain, el, imageOf, remember, runPicker } from "./shared.js";

const NAMES = { before: "Before: baseline, real images only", after: "After: the model the run ended with" };

export function start(element) {
  const head = el("div"), form = el("div"), told = el("p", { className: "quiet", role: "status", tabIndex: -1 }), results = el("div", { className: "sides" });
  element.replaceChildren(el("div", { className: "atlantis search" }, head, form, told, results));
  let run = null, index = null;

  async function search(given, name) {
    told.textContent = `Searching with ${name} ...`;
    results.replaceChildren();
    const body = new FormData();
    for (const [key, value] of Object.entries(given)) body.append(key, value);
    try {
      const answer = await answered(await fetch(`/data/runs/${run.id}/search`, { method: "POST", body }));
      told.textContent = `Nearest to ${name}; choose one to search with it.`;
      results.replaceChildren(...Object.entries(answer.models).map(([model, found]) => side(model, found)));
    } catch (error) { told.textContent = ""; complain(results, error); }
  }

  function side(model, found) {
    return el("section", { ariaLabel: NAMES[model] }, el("h2", {}, NAMES[model]), el("ol", { className: "results" }, ...found.map((one) => {
      const facets = Object.entries(one.facets).map(([facet, value]) => `${facet}=${value}`).join(", ");
      return el("li", {}, el("button", { type: "button", className: "plain", onclick: () => again(one) },
        el("img", { src: imageOf(run.id, one.id), alt: one.label }), el("span", {}, one.label)),
      el("p", { className: "quiet" }, [facets, one.nearness.toFixed(3)].filter(Boolean).join(" · ")));
    })));
  }

  function again(one) {
    preview.src = imageOf(run.id, one.id, 320);
    preview.hidden = false;
    remember({ key: one.id });
    search({ key: one.id }, `an image of ${one.label}`);
    told.focus(); // its button is gone: the keyboard goes on from here, not from the top of the page
  }

  // Indexes made by `atlantis index`: with words too, where their model knows any.
  async function indexed() {
    const { indexes } = await answered(await fetch("/api/indexes"));
    if (!indexes.length) return;
    const select = el("select", { id: "index" }, el("option", { value: "" }, "both models of the run"), ...indexes.filter((one) => one.complete).map((one) => el("option", { value: one.index }, `index ${one.index} (${one.images.toLocaleString("en")} images)`)));
    const words = el("input", { type: "search", id: "text", placeholder: "words, for an index of a clip: model", maxLength: 2000, size: 34 });
    words.addEventListener("change", () => { if (words.value) ask({ text: words.value }, `“${words.value}”`); });
    index = select;
    form.append(el("div", { className: "tools" }, el("label", {}, "Search", select), el("label", {}, "Or in words", words)));
  }

  async function ask(given, name) {
    if (!index || !index.value) {
      if (given.text) { told.textContent = "Words need an index: choose one made with clip:NAME (atlantis index clip:NAME DATA)."; return undefined; }
      return search(given, name);
    }
    told.textContent = `Searching with ${name} ...`;
    results.replaceChildren();
    const body = new FormData(), which = index.value;
    for (const [key, value] of Object.entries(given)) body.append(key, value);
    try {
      const answer = await answered(await fetch(`/api/indexes/${which}/search`, { method: "POST", body }));
      told.textContent = `Nearest to ${name} in ${which}.`;
      results.replaceChildren(el("ol", { className: "results" }, ...answer.results.map((one) => el("li", {},
        el("img", { src: `/api/indexes/${which}/image/${encodeURIComponent(one.id)}`, alt: one.label }), el("span", {}, one.label),
        el("p", { className: "quiet" }, [...Object.entries(one.facets).map(([facet, value]) => `${facet}=${value}`), one.distance.toFixed(3)].join(" · "))))));
    } catch (error) { told.textContent = ""; complain(results, error); }
    return undefined;
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
    ask({ file: picture }, picture.name);
  }
  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => { event.preventDefault(); drop.classList.remove("over"); take(event.dataTransfer.files[0]); });
  form.append(drop);
  indexed().catch((error) => complain(results, error));

  runPicker(head, (chosen) => {
    const first = run === null;
    run = chosen;
    remember({ run: run.id, key: first ? address.get("key") : "" });
    results.replaceChildren();
    told.textContent = "";
    if (address.get("key")) { preview.src = imageOf(run.id, address.get("key"), 320); preview.hidden = false; search({ key: address.get("key") }, "an image of the collection"); }
  }).catch((error) => complain(head, error));
}
