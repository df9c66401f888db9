// The local page: one desk to examine at, and a bench whose forms make and mark.

import "./generate.js";
import "./idol.js";
import "./live.js";
import "./mark.js";
import "./portrait.js";
import { list } from "./inspections.js";
import { tabsOf } from "./tabs.js";
import { rewordOptions } from "./wording.js";

tabsOf(document.querySelector("[data-tabs]"));
rewordOptions();
list().catch(() => {});
