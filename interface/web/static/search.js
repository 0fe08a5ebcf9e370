import { el } from "./shared.js";
export function start(element) { element.replaceChildren(el("p", {}, "...")); }
