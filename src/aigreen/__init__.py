"""Reproducible econometrics of how AI adoption changes firms' green innovation.

Panel in, Effects out::

    panel = Panel(df, unit="firm", time="year", cohort="first_treated", cluster="city")
    att = GroupTimeATT().fit(panel, "patents_log", covariates=["size"])
    att.overall(), att.event_study().plot(), att.dropped
    compare({"Group-time": att, "Imputation": Imputation().fit(panel, "patents_log")}).plot()

Panel: `Panel`. Regression: `TWFE`, `ShiftShare`. Staggered adoption: `GroupTimeATT`, `Imputation`, `SunAbraham`,
`StackedDiD`, `Efficient`, `Switchers`, `TripleDifference`, `DoseResponse`, `SyntheticDiD`, `LocalProjections`,
`ChaisemartinDHaultfoeuille`, `bacon_weights`. Channels and spillovers: `Decomposition`, `Mediation`, `Spillover`,
`ring_curve`. Results: `Effects` (`overall`, `event_study`, `test`, `tidy`, `plot`, `save`), `compare`, `concat`,
`share`, `load`. Tests, bands and sensitivity: ``aigreen.inference``. ``help(GroupTimeATT)`` says what each takes.
"""

from aigreen.on_demand import offer

__version__ = "0.2.0"

__getattr__, __dir__, __all__ = offer(__name__)
