"""The web edition: the paper as a page that works offline, on which every number says where it comes from."""
