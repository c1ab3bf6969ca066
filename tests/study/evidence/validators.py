"""Outside programs that know the standards: what they find wrong with a bundle."""

from __future__ import annotations

import logging
import warnings


def frictionless_errors(folder) -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from frictionless import system, validate

        with system.use_context(trusted=True):
            report = validate(str(folder / "datapackage.json"))
        return [str(row) for row in report.flatten(["type", "message"])]


def croissant_errors(folder) -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlcroissant

        logging.disable(logging.CRITICAL)
        try:
            dataset = mlcroissant.Dataset(jsonld=str(folder / "croissant.json"))
            return [str(error) for error in dataset.metadata.ctx.issues.errors]
        except Exception as error:
            return [str(error)]
        finally:
            logging.disable(logging.NOTSET)
