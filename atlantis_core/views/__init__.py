"""What plots show, as data: images on a plane, classes in a matrix. Drawing is the interface's."""
