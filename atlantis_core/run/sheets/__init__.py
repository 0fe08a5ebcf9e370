"""Contact sheets: choosing images, drawing them, asking a vision model about them, checking its findings."""
