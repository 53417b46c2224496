"""Measurements that anybody can repeat: `python -m bench.NAME [--json]`, from the root of a checkout with its test tools.

A bench says on which machine it ran and how busy that was, shows every run and their median, and holds the medians
against its goals. A peer that is not installed is said to be missing, never guessed.
"""
