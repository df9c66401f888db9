"""The art forms of `generator.portrait.artwork`, one module each: from a `Scene` to pixels, with no network at all."""
