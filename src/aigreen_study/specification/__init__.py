"""The specification registry: every estimate of a study is one row of a table, fitted without code of its own."""
