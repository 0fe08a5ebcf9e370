"""Errors, sorted by who can act on them.

```
AtlantisError
├── SetupError            a person must act: one line, exit 2
│   └── NotFoundError     what was named does not exist; 404 over HTTP
├── ToolError             the planner may read it and choose another step
│   ├── InvalidProtocol   the protocol breaks a rule of the collection, the generator or the budget
│   ├── BudgetExceeded    the next step would cost more than is left
│   ├── NothingGenerated  no candidate was generated, or none passed the filters
│   └── NoUsableReply     a chat model's replies could not be used; the rules take over
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
    """A person must act; the message says what is wrong, with which value, and what to do."""


class NotFoundError(SetupError):
    """The run, index, image or other object that was named does not exist."""


class ToolError(AtlantisError):
    """A tool could not do its work; the message is for the planner."""


class InvalidProtocol(ToolError):  # noqa: N818 (no suffix needed)
    """The protocol breaks a rule of the collection, the generator or the budget."""


class BudgetExceeded(ToolError):  # noqa: N818
    """The next step would cost more than is left in the budget."""


class NothingGenerated(ToolError):  # noqa: N818
    """No candidate was generated, or none passed the filters."""


class NoUsableReply(ToolError):  # noqa: N818
    """A chat model gave no usable reply in several attempts."""


class TrainingFailed(AtlantisError):  # noqa: N818
    """A training diverged or could not run; the trial counts as the worst possible."""


class ProviderUnavailable(AtlantisError):  # noqa: N818
    """A chat model's provider refused or did not respond; the run is paused and can be resumed."""


class ProviderRefused(ProviderUnavailable):
    """A chat model's provider will not answer this request, now or later."""


class Stopped(AtlantisError):  # noqa: N818
    """A person asked the work to stop; what is done stays, and the run can be resumed."""
