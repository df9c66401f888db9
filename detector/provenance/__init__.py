"""What media says of its own origin: credentials, watermark, fingerprint; needs no neural network."""
