// Which images are searched: a choice of one value for each column that has several.
import { el } from "./shared.js";

const typed = (text) => text.replace(/[=,]/g, "\\$&"); // as --where takes it: COL=V

export function filters(columns, changed) {
  const selects = new Map();
  const group = el("div", { className: "tools filters", role: "group", ariaLabel: "Only images with" });
  for (const [column, values] of Object.entries(columns)) {
    if (values.length < 2) continue;
    const select = el("select", { name: column, onchange: changed }, el("option", { value: "" }, "any"), ...values.map((value) => el("option", { value }, value)));
    selects.set(column, select);
    group.append(el("label", {}, column, select));
  }
  const chosen = () => [...selects].filter(([, select]) => select.value).map(([column, select]) => `${typed(column)}=${typed(select.value)}`);
  return { group, chosen };
}
