"""What a collection holds, what is wrong with it, and where retrieval fails."""
