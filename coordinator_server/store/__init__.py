"""Keeps what must not be lost: enrolments, invites, API keys, revocations and the audit log.

`interface` is the small key-value store that every other room works with, `sqlite` its engine for one
coordinator, `records` the typed view of a key's bytes. An answer goes out only after its writes are on disk.
"""
