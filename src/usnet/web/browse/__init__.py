"""Look at datasets and runs on the server's disk: check report, class balance, duplicates, curves, failures."""
