"""What `bench/relay.py` is made of.

`site` starts a coordinator as it is run; `workers` is a program with workers that are nothing but the protocol,
which `members` lets join; `measure` puts loads on what the first two make.
"""
