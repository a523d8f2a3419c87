"""Exhibits, the number ledger and the paper. The top floor: it may import any other, none imports it."""
