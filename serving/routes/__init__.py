"""The routes of the service, a module a kind of thing."""
