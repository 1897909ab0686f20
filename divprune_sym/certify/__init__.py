"""For which keep fractions a method is certainly better than another: regions with certificates."""
