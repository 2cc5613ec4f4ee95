"""A DICOM node and its tools: ultrasound studies in, results back to the archive, nothing lost.

What is received is on disk before it is acknowledged (:mod:`usnet.pacs.receiver`, :mod:`usnet.pacs.stow`). A study that has been
quiet for a while becomes a durable job (:mod:`usnet.pacs.keeper`), worker processes diagnose it in a child with a memory limit
(:mod:`usnet.pacs.sandbox`), send the results and ask the archive whether it has them (:mod:`usnet.pacs.answering`). Every address
and AE title comes from the administrator's file (:mod:`usnet.pacs.config`). Needs the extra ``dicom``; PostgreSQL and STOW-RS as an
input need ``postgres`` and ``web``.
"""
