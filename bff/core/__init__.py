"""Decisions, and nothing else: what a contract may become, what an intent says, what evidence is.

Standard library and rfc8785 only. Time, chance and the world arrive as arguments, so every rule here can be
tried as a table and read by a lawyer's expert without knowing any of the libraries around it.
"""
