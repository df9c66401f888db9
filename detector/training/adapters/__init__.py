"""Turns local copies of published sets into an index in our format; one module a set, nothing is downloaded."""
