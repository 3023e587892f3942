"""RunJobs: the commands behind a run that is to begin: scan, estimate, preparation. One of each at a time.

A newer wish ends an older one; the processes are all ended with the window.
"""

import asyncio

from PySide6.QtCore import QObject, Signal

from app.job_client import JobClient, LastWord
from app.runs.draft import Draft
from core.spec.errors import UsageError
from core.spec.fields import from_json
from core.spec.messages import Event
from trainer.spec.estimates import Estimate


class RunJobs(QObject):
    """
    Signals:
        scan_told: an Event of the scan that was wished last.
        scan_failed, estimate_failed: a sentence.
        estimated: an Estimate.
        beginning_told: what is being prepared, in words.
    """

    scan_told = Signal(object)
    scan_failed = Signal(str)
    estimated = Signal(object)
    estimate_failed = Signal(str)
    beginning_told = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs: dict[str, JobClient] = {}
        self._ending: list[JobClient] = []

    async def scan(self, draft: Draft) -> None:
        if not draft.folders:
            self._end("scan")
            return
        job = self._new("scan", "The scan")

        def tell(event: Event) -> None:
            if self._jobs.get("scan") is job:
                self.scan_told.emit(event)

        job.told.connect(tell)
        word = await job.run(draft.scan_words())
        if word.how == "failed" and self._jobs.get("scan") is job:
            self.scan_failed.emit(word.sentence)

    async def estimate(self, draft: Draft, tokens: int) -> None:
        job = self._new("estimate", "The estimate")
        word = await job.run(draft.estimate_words(tokens, measures=True))
        if self._jobs.get("estimate") is not job or word.how == "stopped":
            return
        if not word.is_good:
            self.estimate_failed.emit(word.sentence)
            return
        try:
            self.estimated.emit(from_json(Estimate, word.result, "the estimate"))
        except UsageError as error:
            self.estimate_failed.emit(str(error))

    async def begin(self, draft: Draft) -> LastWord:
        """Its data and its folder."""
        self._end("estimate")
        job = self._new("begin", "The preparation")
        job.noted.connect(lambda note: self.beginning_told.emit(note.text))
        return await job.run(draft.begin_words())

    def stop(self) -> None:
        """What is being prepared, or looked through."""
        job = self._jobs.get("begin")
        if job is not None:
            job.stop()
        self._end("scan")

    async def close(self) -> None:
        for kind in [*self._jobs]:
            self._end(kind)
        running = [job for job in self._ending if job.is_running]
        ended = [asyncio.Event() for _ in running]
        for job, event in zip(running, ended, strict=True):
            job.ended.connect(lambda _, event=event: event.set())
        await asyncio.gather(*(event.wait() for event in ended))

    def _new(self, kind: str, name: str) -> JobClient:
        self._end(kind)
        self._jobs[kind] = JobClient(name, self)
        return self._jobs[kind]

    def _end(self, kind: str) -> None:
        """What it reads it leaves as it was; so it is not waited for."""
        job = self._jobs.pop(kind, None)
        if job is None:
            return
        self._ending = [other for other in self._ending if other.is_running]
        if job.is_running:
            self._ending.append(job)
            job.kill()
