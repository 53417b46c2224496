"""Two ways in which something does not happen.

A `Refusal` is for the person in front of the screen: it is their turn to do something else. A `Fault` is for the
operator: something of ours is missing or down. Neither carries a finished sentence in one language; a code and its
parameters travel, and the door that shows them finds the words (`routes/refusals.py`, `notify/texts`).
"""


class Refusal(Exception):
    """Something a person asked for cannot be done, and there is something they can do instead.

    `code` is a stable snake_case name; `params` fill the sentence (never secrets, never document text).
    """

    def __init__(self, code: str, **params: object) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


class Fault(Exception):
    """Something the operator has to mend. `what` happened, and what to `do`, in plain English for the log and doctor."""

    def __init__(self, code: str, *, what: str, do: str) -> None:
        super().__init__(f"{code}: {what} {do}")
        self.code = code
        self.what = what
        self.do = do
