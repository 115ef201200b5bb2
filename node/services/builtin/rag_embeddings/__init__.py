"""A library of texts that answers which of them fit a question.

`terms` turns text into words to compare; `ranking` scores documents with BM25, pure; `library` keeps them in
SQLite; `searcher` joins both, with an index per collection that is built when it is first needed; `requests` is
what callers send; `service` is the HTTP face.
"""
