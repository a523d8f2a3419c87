"""The paper: typesetting and export."""
