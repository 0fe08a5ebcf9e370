"""What pages and plots show, as data: images on a plane, classes in a matrix. The interface draws it."""
