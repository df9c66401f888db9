// The local page: one desk to examine at, and a bench whose forms make and mark.

import "./generate.js";
import "./idol.js";
import "./live.js";
import "./mark.js";
import "./portrait.js";
import { list } from "./inspections.js";
import { tabsOf } from "./tabs.js";
import { rewordFields } from "./wording.js";

tabsOf(document.querySelector("[data-tabs]"));
rewordFields();
list().catch(() => {});
