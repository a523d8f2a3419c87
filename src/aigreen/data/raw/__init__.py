"""Any raw file as checked text: layouts, headers, values."""
