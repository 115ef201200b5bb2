"""Keeps what must not be lost: enrolments, invites, API keys, revocations and the audit log.

`interface` is the small key-value store that every other room works with, `sqlite` and `etcd/` are its engines,
`unreadable` reads rows of which a bad one must stop nobody. An answer goes out only after its writes are on disk.
"""
