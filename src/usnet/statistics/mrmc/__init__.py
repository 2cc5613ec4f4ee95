"""Multi-reader multi-case studies: many readers, the same cases, two or more modalities (arms).

A study is read by :func:`read_study` and analysed by :func:`analyse` (Obuchowski-Rockette, DBM; balanced designs),
:func:`ustatistics` (Gallas; any design, missing readings) or :func:`ai_against_readers` (one algorithm against the readers).
"""

from usnet.statistics.mrmc.analysis import analyse
from usnet.statistics.mrmc.formats import read_study, write_study
from usnet.statistics.mrmc.merit import AUC, Merit, custom, sensitivity, specificity
from usnet.statistics.mrmc.results import MrmcResult
from usnet.statistics.mrmc.study import Reading, Study

__all__ = [
    "AUC",
    "Merit",
    "MrmcResult",
    "Reading",
    "Study",
    "analyse",
    "custom",
    "read_study",
    "sensitivity",
    "specificity",
    "write_study",
]
