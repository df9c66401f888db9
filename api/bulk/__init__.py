"""Inspections by the million: Ray Data streams the inputs through decoding tasks and scoring actors into Parquet."""
