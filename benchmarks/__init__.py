"""What the product costs, beside the limits of the machine and the tools one would use instead.

Run by `make bench`; writes the figures of `docs/performance.md`. No part of the product.
"""
