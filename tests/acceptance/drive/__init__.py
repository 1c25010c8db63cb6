"""What the acceptance tests drive the product with: its programs, a shop to copy, a broker."""
