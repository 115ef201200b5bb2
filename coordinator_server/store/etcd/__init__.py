"""The store of coordinators on several machines: etcd, asked through its JSON gateway.

`address` reads `etcd://…`, `endpoints` says whom to ask next, `gateway` asks, `messages` writes and reads what is
said. `lease` keeps what is ours alive, `transaction` has a commit done once, which its `receipts` tell where an
answer was lost, `watching` follows changes; `store` is the store that is made of them.
"""
