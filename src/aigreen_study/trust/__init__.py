"""Every number traceable, every result held against the accepted one."""
