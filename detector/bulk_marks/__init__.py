"""The search for the watermark in many pictures at once, in torch: as `detector.provenance` searches one."""
