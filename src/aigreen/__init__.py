"""Reproducible econometrics of how AI adoption changes firms' green innovation.

Panel in, Effects out: ``Panel(df, unit=..., time=..., cohort=...)``, an estimator's ``fit``, an `Effects` result.
The names are those of ``__init__.pyi``.
"""

from aigreen.on_demand import offer

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = offer(__name__)
