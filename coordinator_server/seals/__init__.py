"""Seals on the audit log: whoever changes, removes or inserts a line that is sealed is found out.

Lines hang together in a chain of hashes, and every few seconds one coordinator signs how far it goes. `chain` is
what a line and a seal are, and `checking` whether a log is as it was sealed: both pure. `sealer` makes the seals
while a coordinator runs; `verifying` reads a store, or a backup, and has it checked.
"""
