"""Examples that ship: other people's generators, made compliant by one call to a running instance.

They run in somebody else's process, so they import nothing of this package but one another, and no neural network.
"""
