"""Requests as they travelled.

`curves` makes points of samples (pure), `chart` draws them, `words` say why this worker, `table` and `card` list
the last requests, `time_card` shows how it went over minutes or a day.
"""
