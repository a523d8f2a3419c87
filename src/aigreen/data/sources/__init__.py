"""Raw sources: the registry that fetches them and one adapter for each."""
