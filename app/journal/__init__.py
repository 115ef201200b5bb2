"""The activity log as people read it.

`words` makes sentences, `rows` filters and parts them by day, `table` is the model, `painting` draws a row, `view`
is the list in which nothing moves under the reader's eyes, and `board` the page around it.
"""
