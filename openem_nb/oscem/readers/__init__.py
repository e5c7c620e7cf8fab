"""Readers of what microscopes write, one module for each writer."""
