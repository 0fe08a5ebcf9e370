"""What a person's words ask for: `reading` makes a typed goal of them, `description` reads it back."""
