"""Schema migrations; shipped in the package as `supportdesk.migrations`."""
