"""Fits the embedded model to a folder of portraits; the only place where unmarked output may be stored."""
