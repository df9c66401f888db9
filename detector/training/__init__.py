"""Trains, calibrates and evaluates the experts on an indexed set of faces; never imported when scanning."""
