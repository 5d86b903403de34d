"""Tests that need neither hosts nor root."""
