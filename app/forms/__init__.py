"""Forms generated from parameter declarations."""
