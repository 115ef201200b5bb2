"""Text out of PDF, HTML and plain text.

`documents` is what goes in and comes out; `pdf`, `html` and `plain` do the reading, pure; `reader` is the helper
process in which they run, since PDFium parses hostile input and is not thread-safe; `readers` keeps a few such
helpers with a time limit; `uploads` finds the document in a request; `service` is the HTTP face.
"""
