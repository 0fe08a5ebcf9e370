// The form that answers a question of the planner in mid-run. The words are data: they approve nothing.
import { ask, el } from "./shared.js";

// Shows the form. Returns its state, or null where the run asks nothing.
export async function showAsk(place, run, answered) {
  const pending = (await ask(`/runs/${run}/ask`)).ask;
  if (!pending) return null;
  const shown = { run, sent: false };
  const words = el("input", { type: "text", id: "words", required: true, maxLength: 600, ariaLabel: "your answer", placeholder: "Your answer" });
  const problem = el("p", { className: "problem", role: "alert" });
  const button = el("button", { type: "submit", className: "primary", id: "answer" }, "Answer");
  const send = async () => {
    problem.textContent = "";
    button.disabled = true;
    try {
      const { message } = await ask(`/runs/${run}/ask`, { ask: pending.ask, words: words.value });
      shown.sent = true;
      const done = el("p", { className: "quiet", role: "status", tabIndex: -1 }, message);
      place.replaceChildren(done);
      done.focus(); // the form is gone: keep the keyboard here
      setTimeout(answered, 1500);
    } catch (error) {
      problem.textContent = error.message;
      button.disabled = false;
    }
  };
  const choose = (text) => el("button", { type: "button", onclick: () => { words.value = text; words.focus(); } }, text);
  place.replaceChildren(el("form", { className: "approval", ariaLabel: "Question of the planner", onsubmit: (event) => { event.preventDefault(); send(); } },
    el("h2", {}, "The run asks you"),
    el("p", {}, pending.ask),
    pending.options.length ? el("p", { className: "actions" }, ...pending.options.map(choose)) : null,
    el("p", { className: "quiet" }, "Your answer goes to the planner. It approves nothing."),
    el("p", { className: "actions" }, words, button), problem));
  return shown;
}
