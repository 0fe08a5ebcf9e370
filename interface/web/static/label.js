// The label page: name photos of a run's pool with the keys 1 to 9; every answer is kept at once.
import { ask, complain, counted, el, remember, runPicker } from "./shared.js";

const KEYS = { s: "#skip", n: "#none", u: "#undo" };

export function start(element) {
  const head = el("div"), status = el("p", { className: "quiet", role: "status", id: "left" }), said = el("p", { className: "quiet", role: "status", id: "said" });
  const place = el("div", { id: "question" });
  element.replaceChildren(el("div", { className: "atlantis label" }, head, status, place, said));
  let run = null, busy = false;
  const photo = (id, side) => `/data/runs/${run.id}/labels/photo/${encodeURIComponent(id)}?side=${side}`;

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, select, textarea")) return;
    const button = place.querySelector(KEYS[event.key] || (/^[1-9]$/.test(event.key) ? `[data-key="${event.key}"]` : "#no-key"));
    if (button) { event.preventDefault(); button.click(); }
  });

  async function send(path, body) {
    if (busy) return; // a second key before the next photo is there would answer for a photo that nobody saw
    busy = true;
    const mine = run;
    try {
      const found = await ask(`/runs/${run.id}/${path}`, body);
      if (mine === run) draw(found);
    } catch (error) { if (mine === run) { status.textContent = ""; complain(place, error); } }
    busy = false;
  }

  function draw(found) {
    const one = found.question;
    status.textContent = `${counted(found.left, "question")} left · ${counted(found.kept, "answer")} kept; runs over this pool use them`;
    said.textContent = found.said || "";
    const say = (label) => () => send("labels", { image_id: one.image_id, label });
    const undo = el("button", { type: "button", id: "undo", onclick: () => send("labels/undo", {}) }, "Undo (u)");
    if (!one) { place.replaceChildren(el("p", {}, "Nothing is left to ask."), undo); return; }
    const other = el("input", { id: "other", placeholder: "another or a new class", maxLength: 200, ariaLabel: "Another or a new class" });
    place.replaceChildren(
      el("div", { className: "asked" },
        el("img", { id: "photo", src: photo(one.image_id, 480), alt: "the photo to name", "data-id": one.image_id }),
        el("section", { ariaLabel: "Photos like it" }, el("h2", {}, one.alike.length ? "Photos like it" : "No other photo is like it"),
          el("div", { className: "alike" }, ...one.alike.map((id) => el("img", { src: photo(id, 160), alt: "a photo like it" }))))),
      el("h2", {}, "Which class is it?"),
      el("ol", { className: "choices" }, ...one.choices.map((choice, index) => el("li", {},
        el("button", { type: "button", "data-key": index + 1, onclick: say(choice.name) }, el("b", {}, `${index + 1} `), choice.name,
          el("span", { className: "examples" }, ...choice.examples.map((id) => el("img", { src: photo(id, 120), alt: "" }))))))),
      el("form", { className: "actions", onsubmit: (event) => { event.preventDefault(); if (other.value.trim()) send("labels", { image_id: one.image_id, label: other.value }); } },
        el("button", { type: "button", id: "none", onclick: say(found.none) }, "None of these (n)"),
        el("button", { type: "button", id: "skip", onclick: say("") }, "Skip (s)"), undo, other, el("button", { type: "submit" }, "Name it")),
    );
  }

  runPicker(head, (chosen) => {
    run = chosen;
    busy = false;
    remember({ run: run.id });
    place.replaceChildren();
    said.textContent = "";
    status.textContent = "Looking at the pool; the first time takes a minute ...";
    send("labels");
  }).catch((error) => complain(head, error));
}
