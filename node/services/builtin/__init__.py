"""The services that ship with us, each a process: `python -m node.services.builtin NAME`.

`__main__` picks the service; `server` is the HTTP program that all share (ready line, token, health, description,
end when stdin closes); `bodies` reads what callers send; `contract` is what a service is. Each service is a package
of its own with `service` as its HTTP face and pure logic beside it.
"""

NAMES = ("document-processing", "ner-extraction", "notes-coa", "rag-embeddings")
