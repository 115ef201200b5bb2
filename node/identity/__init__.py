"""Who this machine is: its Ed25519 key, which never leaves it, and the membership that a mesh gave it.

`keys` finds or makes the key and sees to it that a data directory never has two; `keyring_store` talks to the
operating system's keyring, which may be absent, locked or slow; `membership` keeps what enrolment gave.
"""
