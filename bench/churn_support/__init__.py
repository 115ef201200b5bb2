"""The parts of `bench/churn.py`: a client that counts, programs that are killed, and who is killed when.

`client` sends requests at a fixed rate whatever becomes of them; `programs` starts, kills and starts again a real
coordinator and real nodes; `blows` decides what happens next; `results` is what is told at the end.
"""
