"""Measurements and what is made of them: readers, the silicon predictor, validation."""
