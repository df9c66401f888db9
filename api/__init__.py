"""Serves both halves under a policy and an audit log, over HTTP and on the command line; imports nothing."""
