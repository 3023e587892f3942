"""One of several processes of a test: `torchrun -m tests.trainer.together RUN [STEP TO STOP AT]`."""

import sys
from dataclasses import dataclass
from pathlib import Path

from core.spec.messages import Event, Note
from tests.trainer.runs import DrawnBatches, StopsAt
from trainer.control import Control
from trainer.data.batches import Batch
from trainer.distributed import Group, joined
from trainer.loop import Material
from trainer.running import Corpus, sit
from trainer.spec.runs import EventLog, Run


@dataclass(frozen=True)
class Share:
    """The rows of one process: side by side they are the batch that one process alone has."""

    batches: DrawnBatches
    group: Group

    def __len__(self) -> int:
        return len(self.batches)

    def at(self, number: int) -> Batch:
        whole = self.batches.at(number)
        rows = slice(self.group.rank, None, self.group.ranks)
        return Batch(whole.inputs[rows].contiguous(), whole.targets[rows].contiguous())


def main() -> None:
    run = Run(Path(sys.argv[1]))
    stop_at = int(sys.argv[2]) if len(sys.argv) > 2 else None
    spec, control = run.spec(), Control()
    rows = spec.batch_size
    with joined() as group:
        log = EventLog(run) if group.is_first else None

        def tell(event: Event) -> None:
            if log is not None:
                log.write(event)

        train = Share(DrawnBatches(rows), group)
        stopping = StopsAt(train, control, spec.accumulation, stop_at)
        material = Material(stopping, Share(DrawnBatches(rows, count=3), group))
        finished = sit(run, spec, control, tell, Corpus(material, None, "drawn"), group)
        tell(Note(f"{finished.stopped} {finished.path}"))
        if log is not None:
            log.close()


if __name__ == "__main__":
    main()
