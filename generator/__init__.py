"""Makes synthetic faces, and lets none leave without a watermark, a signed manifest and a record; imports nothing."""
