"""Multi-reader multi-case studies: many readers, the same cases, two or more modalities (arms).

A study is read by :func:`read_study` and analysed by :func:`analyse` (Obuchowski-Rockette, DBM; balanced designs),
:func:`ustatistics` (Gallas; any design, missing readings) or :func:`ai_against_readers` (one algorithm against the readers).
"""

from usnet.statistics.mrmc.ai_vs_readers import AiResult, ai_against_readers
from usnet.statistics.mrmc.analysis import analyse, analyse_jackknife
from usnet.statistics.mrmc.formats import read_study, write_study
from usnet.statistics.mrmc.merit import AUC, Merit, custom, sensitivity, specificity
from usnet.statistics.mrmc.noninferiority import Kind, MarginTest, margin_test
from usnet.statistics.mrmc.results import Components, EqualityTest, Estimate, MrmcResult
from usnet.statistics.mrmc.sample_size import Planning, Power, power, sample_size
from usnet.statistics.mrmc.study import Reading, Study
from usnet.statistics.mrmc.synthetic import RoeMetz, simulate_study
from usnet.statistics.mrmc.uresults import UEstimate, UResult
from usnet.statistics.mrmc.ustat import ustatistics

__all__ = [
    "AUC",
    "AiResult",
    "Components",
    "EqualityTest",
    "Estimate",
    "Kind",
    "MarginTest",
    "Merit",
    "MrmcResult",
    "Planning",
    "Power",
    "Reading",
    "RoeMetz",
    "Study",
    "UEstimate",
    "UResult",
    "ai_against_readers",
    "analyse",
    "analyse_jackknife",
    "custom",
    "margin_test",
    "power",
    "read_study",
    "sample_size",
    "sensitivity",
    "simulate_study",
    "specificity",
    "ustatistics",
    "write_study",
]
