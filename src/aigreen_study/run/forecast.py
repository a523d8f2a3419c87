"""How long the steps to come will take, from how long they took in earlier runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from statistics import mean
from typing import Any


@dataclass
class Forecast:
    """Steps of a run with their durations.

    Attributes
    ----------
    rules : dict of int to str
        Rule of each step.
    needs : dict of int to set of int
        Steps of this run that a step waits for.
    threads : dict of int to int
        Cores that a step takes.
    cores : int
        Cores of the run.
    took : dict of int to float
        Seconds of the steps whose duration is known, from their last run or from this one.
    """

    rules: dict[int, str]
    needs: dict[int, set[int]]
    threads: dict[int, int]
    cores: int
    took: dict[int, float] = field(default_factory=dict)

    def seconds(self, done: Iterable[int], running: Mapping[int, float]) -> float | None:
        """Seconds until all steps are done, each started as soon as a core is free and what it needs is there.

        A step of unknown duration counts as the mean of its rule, or of all steps where none of its rule is known.

        Parameters
        ----------
        done : iterable of int
            Steps that are done.
        running : dict of int to float
            Steps at work, with the seconds since their start.

        Returns
        -------
        float or None
            None where the durations of more than half of the steps are unknown.
        """
        if 2 * len(self.took) < len(self.rules):
            return None
        finished, waiting = set(done), [step for step in self.rules if step not in running]
        waiting = [step for step in waiting if step not in finished]
        ends = [(max(self._length(step) - since, 0.0), step) for step, since in running.items()]
        heapify(ends)
        free, now = self.cores - sum(self.threads[step] for step in running), 0.0
        while waiting or ends:
            for step in [step for step in waiting if self.needs[step] <= finished]:
                if self.threads[step] <= free or not ends:
                    waiting.remove(step)
                    free -= self.threads[step]
                    heappush(ends, (now + self._length(step), step))
            if not ends:
                return None
            now, step = heappop(ends)
            finished.add(step)
            free += self.threads[step]
        return now

    def _length(self, step: int) -> float:
        if step in self.took:
            return self.took[step]
        known = list(self.took.items())  # while a step that ends adds its own
        alike = [seconds for other, seconds in known if self.rules[other] == self.rules[step]]
        return mean(alike or [seconds for _, seconds in known])


def forecast(workflow: Any) -> Forecast:
    """Read the steps of a run and, from Snakemake's own records, how long each took when its outputs were made last.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
        As the Snakefile sees it, with its graph built.
    """
    dag, cores = workflow.dag, workflow.resource_settings.cores or 1
    jobs = {dag.jobid(job): job for job in dag.needrun_jobs()}
    took = {}
    for step, job in jobs.items():
        records = [workflow.persistence.metadata(file) for file in job.output]
        spans = [found.endtime - found.starttime for found in records if found and found.starttime and found.endtime]
        if spans or not job.output:
            took[step] = max([*spans, 0.0])
    return Forecast(
        rules={step: job.rule.name for step, job in jobs.items()},
        needs={step: {dag.jobid(other) for other in dag.dependencies[job]} & jobs.keys() for step, job in jobs.items()},
        threads={step: min(job.threads, cores) for step, job in jobs.items()},
        cores=cores,
        took=took,
    )
