"""Finds entities in UK text by rules.

`rules` is what a rule finds; `money`, `dates`, `identifiers`, `contacts` and `names` are the rules, each pure and
in linear time; `extract` runs them all and settles overlaps; `service` is the HTTP face.
"""
