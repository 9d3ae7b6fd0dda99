"""A package by name: packages that install tests of their own must not hide these."""
