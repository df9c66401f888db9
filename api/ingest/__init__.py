"""What is fetched from, or sent to, addresses that a caller chose."""
