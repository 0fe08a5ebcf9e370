"""The captioner: a small BLIP that names vessel, colours and condition of a harbor image."""
