"""Errors, sorted by who can do something about them.

```
AtlantisError
├── SetupError            a person must act: one line, exit 2
│   └── NotFoundError          what was named is not there; 404 over HTTP
├── ToolError             the planner may read it and choose differently
│   ├── InvalidProtocol       the drafted protocol breaks a rule of the collection or the budget
│   ├── BudgetExceeded       the ledger refuses
│   ├── NothingGenerated  no candidate came out, or none survived the filters
│   └── NoUsableReply    a chat model's answers could not be read; the rules take over
├── TrainingFailed        becomes a crashed trial
├── ProviderUnavailable   the run pauses, exit 3, and can be resumed
│   └── ProviderRefused   of this one request; others may be answered
└── Stopped               a person asked the work to stop: the run pauses
```
Anything else is a bug and surfaces with its traceback.
"""


class AtlantisError(Exception):
    """Base of every error this project raises on purpose."""


class SetupError(AtlantisError):
    """Something a person must mend: what, which, what to do."""


class NotFoundError(SetupError):
    """A run, an index, an image or something else that was named, and of which there is none."""


class ToolError(AtlantisError):
    """A tool could not do what it was asked; the message is for the planner."""


class InvalidProtocol(ToolError):  # noqa: N818 (reads as what it is)
    """A protocol that the collection, the generator or the budget cannot honour."""


class BudgetExceeded(ToolError):  # noqa: N818
    """The next step would spend more than the budget has left."""


class NothingGenerated(ToolError):  # noqa: N818
    """No candidate image was made, or none survived the filters."""


class NoUsableReply(ToolError):  # noqa: N818
    """A chat model was asked again and again and never answered what could be used."""


class TrainingFailed(AtlantisError):  # noqa: N818
    """A training that diverged or could not run; the trial compares worst."""


class ProviderUnavailable(AtlantisError):  # noqa: N818
    """A chat model's provider refused or did not answer; the run is paused, not lost."""


class ProviderRefused(ProviderUnavailable):
    """A chat model's provider will not answer this request, now or later."""


class Stopped(AtlantisError):  # noqa: N818
    """A person asked the work to stop; what is done stays, and the run can be resumed."""
