"""Drafting: what a person writes in the composer is kept with its conversation, on the disk a moment later.

It comes back with that, after a kill too. While an earlier question is written anew, the next is put aside.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from PySide6.QtCore import QObject, QTimer, Signal

from app.chat.composer import Composer
from app.chat.conversation import Conversation, Message
from app.chat.unasked import Draft, Unasked, UnaskedFiles, key_of

_WRITE_AFTER_MS = 500


class Drafting(QObject):
    """`failed`: a sentence for the person, once until writing works again. `editing`: the number of the
    earlier question that is written anew."""

    failed = Signal(str)

    def __init__(
        self,
        composer: Composer,
        files: UnaskedFiles,
        keeps: Callable[[], bool],
        parent: QObject | None = None,
    ) -> None:
        """`keeps`: whether the person wants copies of unsaved text at all."""
        super().__init__(parent)
        self._composer, self._files, self._keeps = composer, files, keeps
        self._key: str | None = None
        self._known: dict[str, Unasked] = {}
        self._aside = Draft()
        self.editing: int | None = None
        self._open_id = files.read_open()
        self._unwritten: set[str] = set()
        self._is_failing = False
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="drafts")
        self._later = QTimer(self, singleShot=True, interval=_WRITE_AFTER_MS)
        self._later.timeout.connect(self._write)
        composer.changed.connect(self._note)

    def expect(self, id: str) -> None:
        """That this conversation will be shown: what is written from now on belongs to it."""
        self._take_up(id)

    def show(self, talk: Conversation) -> None:
        """The conversation as it is now, or another one."""
        key = key_of(talk)
        if key != self._key:
            self._take_up(key)
        if self.editing is not None and talk.message(self.editing) is None:
            self.end_editing()
        open_id = talk.id if key == talk.id else ""
        if open_id != self._open_id:
            self._open_id = open_id
            self._later.start()

    def edit(self, question: Message) -> None:
        """Nothing is taken back before it is asked."""
        if self.editing is None:
            self._aside = self._composer.draft
        self._set_editing(question.number)
        self._composer.fill(question.text, question.attachments)

    def end_editing(self) -> None:
        self._set_editing(None)
        self._composer.put(self._aside)

    def take(self) -> int | None:
        """What is written is asked now: the number of the question whose place it takes, if any."""
        number = self.editing
        if number is None:
            self._composer.put(Draft())
        else:
            self.end_editing()
        return number

    def stop(self) -> None:
        """All of it is on the disk when this returns."""
        self._later.stop()
        self._writer.shutdown()
        self._note()
        self._later.stop()
        _put(self._files, self._wanted(), self._open_id)

    def _take_up(self, key: str) -> None:
        if self._key is not None:
            self._note()
        self._key = key
        unasked = self._known.get(key) or self._files.read(key)
        self._known[key] = unasked
        self._aside = unasked.draft
        self._set_editing(unasked.number or None)
        self._composer.put(unasked.anew if unasked.number else unasked.draft)

    def _set_editing(self, number: int | None) -> None:
        self.editing = number
        self._composer.show_editing(number is not None)

    def _note(self) -> None:
        if self._key is None:
            return
        written = self._composer.draft
        now = Unasked(written) if self.editing is None else Unasked(self._aside, self.editing, written)
        if now != self._known.get(self._key):
            self._known[self._key] = now
            self._unwritten.add(self._key)
            if not self._later.isActive():
                self._later.start()

    def _wanted(self) -> dict[str, Unasked]:
        """What the files are to hold."""
        keys, self._unwritten = self._unwritten, set()
        return {key: self._known[key] if self._keeps() else Unasked() for key in keys}

    def _write(self) -> None:
        wanted, loop = self._wanted(), asyncio.get_event_loop()
        writing = loop.run_in_executor(self._writer, _put, self._files, wanted, self._open_id)
        writing.add_done_callback(lambda done: self._meet(wanted, done.result()))

    def _meet(self, wanted: dict[str, Unasked], error: OSError | None) -> None:
        if error is not None:
            self._unwritten |= {*wanted}
            self._later.start()
            if not self._is_failing:
                self.failed.emit(
                    f"What you are writing cannot be kept safe ({error.strerror}); free some space."
                )
        self._is_failing = error is not None


def _put(files: UnaskedFiles, wanted: dict[str, Unasked], open_id: str) -> OSError | None:
    try:
        for key, unasked in wanted.items():
            files.write(key, unasked)
        files.write_open(open_id)
    except OSError as error:
        return error
    return None
