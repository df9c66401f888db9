"""One file per noun: parse, act, answer; no rules."""
