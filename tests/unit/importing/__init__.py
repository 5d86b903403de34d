"""Tests of importing hosts; data/ has what the sources print and what people keep."""
