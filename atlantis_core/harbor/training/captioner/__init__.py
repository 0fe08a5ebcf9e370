"""The captioner: a small BLIP that says of a harbor picture what vessel it shows, in which colours and conditions."""
