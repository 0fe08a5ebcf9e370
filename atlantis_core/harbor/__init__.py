"""Harbor: a rendered world of vessels, the data of the demo and the checks."""
