"""Probation: workers whose answers are wrong get no requests while others are there, until they do better.

`canaries` are small requests whose right answer is known; `asking` sends one as any other request comes. `standing`
decides, purely, who goes on probation, who gets off it, and who is suspected for good; `book` keeps that in the
store, for all coordinators. `endings` counts how requests end, `rounds` asks the workers that talk to this
coordinator, and `warden` goes by both and tells them. It never leaves a service without a worker: where nobody else
is there, who is on probation is asked.
"""
