"""The synthesizers that ship: each turns a face request into unmarked pixels."""
