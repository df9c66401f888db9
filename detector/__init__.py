"""Tells whether media is manipulated, synthetic or marked, and by whom; imports nothing, so any part loads alone."""
