"""Harbor: the procedurally drawn world of vessels that the demo and the checks run on."""
