"""Telling others that work has ended, by the Standard Webhooks specification."""
