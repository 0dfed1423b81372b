"""Migrations for tests only."""
