"""The learned experts: network, weights, scores and their calibration."""
