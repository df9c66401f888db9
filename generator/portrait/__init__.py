"""Edits, 3D and art from a consenting person's portrait or a made-up one; nothing here marks or releases."""
