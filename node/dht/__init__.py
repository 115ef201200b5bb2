"""The mesh's directory without a server: a Kademlia DHT of signed, expiring, size-bounded records (SPEC §6).

`node` is what the rest of the program uses: `DhtNode` publishes what this node is and finds who offers what.
Below it, from the wire up:

- `records` is one entry: its compact form, its signature and what it turns into; `verifier` checks entries that
  came from anywhere and remembers what it has checked; `sampling` chooses the entries that fit into a datagram.
- `messages` is the form of every datagram; `protocol` asks and answers on one socket and learns who is alive, with
  `answering` for what it says, `proofs` for who somebody is, `limits` for how much is listened to, `newcomers` for
  strangers, `hearsay` for those whom others only tell of, and `round_trips` for how long to wait. A `wing` is a
  second socket, for a network that the first is not in: the overlay, where a coordinator listens elsewhere too.
- `table` keeps contacts; `storage` keeps entries: both are capped.
- `lookup` walks towards a key and never waits for the dead; `server` stores and fetches with it.
- `joining` gets into the mesh and back into it, for ever; `contacts` remembers peers over a restart;
  `publishing` says again and again what this node is; `settings` and `stats` are what may be set and what is
  counted.

It stands on the package `kademlia`, whose server, protocol, routing table, storage interface and crawler are
subclassed here. Replaced, because its extension points cannot mend them: its datagrams (a response counted no
matter who sent it, a malformed one was a traceback in a task that nobody owned), its one value per key (two
workers overwrote one another), its rounds (each waited for its slowest peer), its neighbour search (not exact
once buckets had split), its republishing (it hashed keys twice and spoke for others), and its pickled state.

Attackers are members of the network until shown otherwise. An entry counts only with the publisher's signature and
a credential of this mesh for exactly this name; an answer only from the address that was asked, and from somebody
who has proved that his id follows from his key and from the mesh's part in his credential, so that nobody chooses
his place. An unknown sender becomes a contact only after it has answered at the address it claims. Nobody gets more
than his share of a node's time, no request makes a node send its sender more than three times as much, and no
list of contacts leads it to flood whoever is said to live there.
"""
