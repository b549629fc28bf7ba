"""PostgreSQL: the ledger. Only this package knows SQL."""
