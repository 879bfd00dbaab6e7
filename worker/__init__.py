"""Worker: takes jobs from the ledger and does them."""
