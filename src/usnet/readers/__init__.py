"""Reader studies: radiologists read the same cases with and without the model, and the answers are analysed.

A study is a :class:`~usnet.readers.protocol.Protocol` (one TOML file), cases with their truth, readers, an explicit order of
reading, and answers in a signed log. Pages for readers and organisers are in :mod:`usnet.web.study`.
"""
